//! What tells this installation from others: the names of its cookies, and the salts and seals that
//! all its servers derive from one secret in the database.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chat_core::{
    AccountId,
    text::{Email, fold},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sqlx::PgPool;
use uuid::Uuid;

use crate::db;

/// Bytes of a password's salt.
const SALT_BYTES: usize = 16;
const ID_BYTES: usize = 16;

/// This installation.
pub struct Instance {
    secret: Vec<u8>,
    pub cookies: CookieNames,
}

/// The names of the cookies. They carry the id of the installation, since cookies know no ports: two
/// Parlors on one host would overwrite each other's. Over https the browser itself refuses a
/// `__Host-` cookie that another subdomain sets.
pub struct CookieNames {
    /// The refresh token.
    pub refresh: String,
    /// The account that was last signed in to on the device.
    pub device: String,
    pub is_secure: bool,
}

impl Instance {
    pub async fn load(db: &PgPool, public_url: &str) -> sqlx::Result<Self> {
        let db::accounts::InstanceRow { id, secret } = db::accounts::find_instance(db).await?;
        let is_secure = public_url.starts_with("https://");
        let (prefix, id) = (if is_secure { "__Host-" } else { "" }, id.simple().to_string());
        let name = |what: &str| format!("{prefix}parlor_{what}_{}", &id[..12]);
        let cookies = CookieNames { refresh: name("refresh"), device: name("device"), is_secure };
        Ok(Self { secret, cookies })
    }

    /// The salt of all passwords of an address. It differs between addresses and installations, and
    /// is the same for all accounts that claim the address.
    pub fn salt(&self, email: &Email) -> [u8; SALT_BYTES] {
        let mac = self.mac("password salt", fold(email.as_str()).as_bytes());
        std::array::from_fn(|n| mac[n])
    }

    /// Says that the account was signed in to on a device. Nobody else can make it.
    pub fn seal(&self, account: AccountId) -> String {
        let id = account.0.into_bytes();
        let sealed: Vec<u8> = id.into_iter().chain(self.mac("device", &id)).collect();
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// The account of a seal.
    pub fn unseal(&self, sealed: &str) -> Option<AccountId> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (id, tag) = bytes.split_at_checked(ID_BYTES)?;
        self.keyed("device", id).verify_slice(tag).ok()?;
        Some(AccountId(Uuid::from_slice(id).ok()?))
    }

    fn mac(&self, purpose: &str, content: &[u8]) -> [u8; 32] {
        self.keyed(purpose, content).finalize().into_bytes().into()
    }

    fn keyed(&self, purpose: &str, content: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret)
            .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(content);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(secret: u8) -> Instance {
        let cookies = CookieNames { refresh: String::new(), device: String::new(), is_secure: false };
        Instance { secret: vec![secret; 32], cookies }
    }

    #[test]
    fn a_seal_is_made_by_its_own_installation_alone() {
        let (ours, account) = (instance(1), AccountId::generate());
        let sealed = ours.seal(account);
        assert_eq!(ours.unseal(&sealed), Some(account));
        assert_eq!(instance(2).unseal(&sealed), None);
        let mut other = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        other[3] ^= 1;
        for forged in [&URL_SAFE_NO_PAD.encode(other), &sealed[..30], &sealed[..22], "", "?"] {
            assert_eq!(ours.unseal(forged), None, "{forged}");
        }
    }

    #[test]
    fn salts_differ_by_address_and_installation() {
        let email = |text: &str| Email::parse(text).unwrap();
        let ours = instance(1);
        assert_eq!(ours.salt(&email("ann@acme.example")), ours.salt(&email("ANN@acme.example")));
        assert_ne!(ours.salt(&email("ann@acme.example")), ours.salt(&email("bob@acme.example")));
        assert_ne!(ours.salt(&email("ann@acme.example")), instance(2).salt(&email("ann@acme.example")));
    }
}
