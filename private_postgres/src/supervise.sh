# Runs Postgres so that it never outlives its owner.
#
# Arguments: the signal that stops it (INT or QUIT), the folder to remove afterwards (or nothing), the command.
# Standard input is the open data folder, standard output the reading end of a pipe that only the owner holds open
# (the lifeline), standard error the server's log.
#
# The shell becomes Postgres, so the owner's child is the postmaster itself. Its watcher is no child of it (a
# postmaster takes a strange child that dies badly for a crash), and waits for a line (Postgres has ended: nothing to
# do, its process id may be somebody else's by now) or the end of the pipe (the owner is gone: stop Postgres).
exec 3<&0 4<&1 </dev/null >&2
signal=$1
remove=$2
shift 2
postmaster=$$

# A dead process whose new parent does not wait for it (a container without an init) still takes signals.
runs() {
  kill -0 "$postmaster" 2>/dev/null || return 1
  { read -r stat </proc/"$postmaster"/stat; } 2>/dev/null || return 0
  case $stat in *") Z "*) return 1 ;; esac
}

# Waits until Postgres has ended, at most $1 fifths of a second.
ended_within() {
  left=$1
  while runs; do
    [ "$left" -gt 0 ] || return 1
    left=$((left - 1))
    sleep 0.2
  done
}

(
  (
    read -r _ <&4 && exit 0
    kill -s "$signal" "$postmaster" 2>/dev/null
    ended_within 100 || kill -s QUIT "$postmaster" 2>/dev/null
    ended_within 25 || kill -s KILL "$postmaster" 2>/dev/null
    [ -z "$remove" ] || rm -rf "$remove"
  ) &
)
exec "$@" 4<&-
