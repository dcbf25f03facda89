// Generated from tests/snapshots/openapi.json by `npm run api`. Do not edit.
export interface paths {
    "/.well-known/jwks.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the public keys that verify access tokens (RFC 8037) */
        get: operations["list_keys"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/account": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the caller's account */
        get: operations["get_account"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/account/delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Delete the caller's account, in all its workspaces
         * @description It ends all sessions at once. A moment later its users are deactivated and have no name. What they wrote stays.
         */
        post: operations["delete_account"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/account/email": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Change the e-mail address
         * @description If this server sends mail, the address changes once it is confirmed by the mail that is sent there, and the old address
         *     is told. Otherwise it changes at once and is not verified.
         */
        post: operations["change_email"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/account/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export what the server keeps of the caller
         * @description Lines of JSON, each with a `type`: the account, its sessions, its users, their chats, and the messages that they wrote
         *     in chats that they are in now. The last line is `{"type":"end"}`; without it, the export is incomplete.
         */
        get: operations["export_account"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/account/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Change the password, which ends all other sessions */
        post: operations["change_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/account/verification": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send the mail that verifies the caller's address again */
        post: operations["ask_for_verification"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/channels": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the public channels that the caller could join */
        get: operations["list_channels"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/chat": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the caller's chats, newest first */
        get: operations["list_chats"];
        put?: never;
        /** Create a chat, or get the single chat that exists already */
        post: operations["create_chat"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/chat/may": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get what the caller may do in chats */
        get: operations["list_may"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/chat/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a chat */
        get: operations["get_chat"];
        put?: never;
        post?: never;
        /** Delete a chat with all its messages */
        delete: operations["delete_chat"];
        options?: never;
        head?: never;
        /** Change the name or description of a chat, or who becomes a member of a channel */
        patch: operations["update_chat"];
        trace?: never;
    };
    "/api/chat/{id}/join": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Join a public channel */
        post: operations["join_chat"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/chat/{id}/leave": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Leave a group or channel */
        post: operations["leave_chat"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/chat/{id}/members": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the members of a chat, by user id */
        get: operations["list_members"];
        put?: never;
        /** Add members to a chat; present members stay as they are */
        post: operations["add_members"];
        /** Remove members from a chat; people who are not in it are ignored */
        delete: operations["remove_members"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/chat/{id}/members/{member_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Remove a member from a chat */
        delete: operations["remove_member"];
        options?: never;
        head?: never;
        /** Transfer the ownership of a chat */
        patch: operations["update_member"];
        trace?: never;
    };
    "/api/chat/{id}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the messages of a chat
         * @description Replies in threads are there only if they were sent to the chat as well.
         */
        get: operations["list_messages"];
        put?: never;
        /** Send a message */
        post: operations["send_message"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/chat/{id}/messages/{message_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a message */
        get: operations["get_message"];
        put?: never;
        post?: never;
        /** Delete a message; its text is erased, its place stays */
        delete: operations["delete_message"];
        options?: never;
        head?: never;
        /** Edit a message of the caller */
        patch: operations["edit_message"];
        trace?: never;
    };
    "/api/chat/{id}/messages/{message_id}/pin": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Pin a message
         * @description At most 100 messages of a chat are pinned. Who pinned a message first stays named.
         */
        put: operations["pin_message"];
        post?: never;
        /** Take a pin away */
        delete: operations["unpin_message"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/chat/{id}/messages/{message_id}/reactions/{emoji}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List who reacted to a message with an emoji, the first one first */
        get: operations["list_reactors"];
        /**
         * React to a message with an emoji
         * @description The same reaction again changes nothing.
         */
        put: operations["add_reaction"];
        post?: never;
        /** Take back one's reaction to a message */
        delete: operations["remove_reaction"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/chat/{id}/messages/{message_id}/thread": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the replies of the thread about a message
         * @description The id of a reply stands for its thread.
         */
        get: operations["get_thread"];
        put?: never;
        /**
         * Reply in the thread about a message
         * @description The id of a reply stands for its thread. The sender follows the thread from then on.
         */
        post: operations["reply_in_thread"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/chat/{id}/messages/{message_id}/thread/follow": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Follow the thread about a message
         * @description Its replies count as unread from then on. There is a thread once there is a reply.
         */
        put: operations["follow_thread"];
        post?: never;
        /** Follow the thread about a message no more */
        delete: operations["unfollow_thread"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/chat/{id}/messages/{message_id}/thread/read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Mark a thread as read */
        post: operations["mark_thread_read"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/chat/{id}/pins": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the pinned messages of a chat, the newest pin first */
        get: operations["list_pins"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/chat/{id}/read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Mark a chat as read */
        post: operations["mark_read"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/chat/{id}/typing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Say that you are typing in a chat
         * @description Its other members get the ephemeral event `typing`. Say it again every 3 to 5 seconds: it is shown for 6. In a chat
         *     with more than 200 members nobody is told.
         */
        post: operations["start_typing"];
        /**
         * Say that you stopped typing in a chat
         * @description Not needed after a message was sent: clients take the message for it.
         */
        delete: operations["stop_typing"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/email/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Confirm an e-mail address by the code that was mailed to it */
        post: operations["confirm_email"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/email/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Preview what a code that was mailed would confirm
         * @description Whose account it is: a stranger may have named the address, and only their own is for its reader to confirm.
         */
        post: operations["preview_email"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/events/ticket": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Create a stream ticket, for clients that cannot send a header (EventSource) */
        post: operations["create_ticket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/invites": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the invitations that can still be used, newest first */
        get: operations["list_invites"];
        put?: never;
        /** Create an invitation */
        post: operations["create_invite"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/invites/{code}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Preview an invitation; its code is enough, without a token */
        get: operations["show_invite"];
        put?: never;
        post?: never;
        /** Withdraw an invitation, by its code or its id */
        delete: operations["revoke_invite"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/invites/{code}/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Accept an invitation with the signed-in account */
        post: operations["accept_invite"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sign out: end the session of a refresh token */
        post: operations["logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/password/forgot": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask for a mail by which to choose a new password
         * @description The answer is the same whether the address is known or not.
         */
        post: operations["forgot_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/password/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Choose a new password by a code, which ends all sessions */
        post: operations["reset_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Refresh an access token; a refresh token is good for one use */
        post: operations["refresh"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/saved": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the messages that the caller keeps for later, the last saved first
         * @description A message that is deleted, or whose chat the caller has left, is shown without content.
         */
        get: operations["list_saved"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/saved/{message_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Keep a message of a chat that the caller is in for later
         * @description Nobody else is told. At most 2,000 messages are kept.
         */
        put: operations["save_message"];
        post?: never;
        /** Keep a message no more */
        delete: operations["unsave_message"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the caller's sessions, last used first */
        get: operations["list_sessions"];
        put?: never;
        post?: never;
        /** End all sessions of the caller but this one */
        delete: operations["revoke_other_sessions"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** End a session of the caller; its tokens stop working, its streams end */
        delete: operations["revoke_session"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/signin": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sign in with e-mail and password */
        post: operations["signin"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/signup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign up: create a workspace, or join one by invitation
         * @description With the e-mail address and password of an account that exists, that account gets the workspace. Otherwise the
         *     address is only claimed until it is verified, and another account may have verified it.
         */
        post: operations["signup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/streams/{stream_id}/interest": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Set what a stream is told of what is true only now
         * @description The stream is named by the `stream_id` of its first frame, `connected`, and has to be your own. A new stream is told
         *     everything, also after a reconnect. It takes effect a moment later, and may be lost. The answer is 204 for a stream
         *     that has ended or is not yours, too: chat_server does not know which streams are open.
         */
        put: operations["set_interest"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sync": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a snapshot of the caller's state */
        get: operations["sync"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/threads": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the threads that the caller follows, the one with the newest reply first */
        get: operations["list_threads"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the users of the workspace, in the order in which they joined */
        get: operations["list_users"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the caller's user */
        get: operations["get_me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Change the caller's profile */
        patch: operations["update_me"];
        trace?: never;
    };
    "/api/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a user */
        get: operations["get_user"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Change a user's role, deactivate or reactivate them */
        patch: operations["update_user"];
        trace?: never;
    };
    "/api/workspaces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the account's workspaces, in the order in which it joined them
         * @description With what is unread in each, so that a client needs no stream for the others.
         */
        get: operations["list_workspaces"];
        put?: never;
        /** Create a workspace with the caller as its owner */
        post: operations["create_workspace"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workspaces/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Change the workspace of the access token */
        patch: operations["update_workspace"];
        trace?: never;
    };
    "/api/workspaces/{id}/token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Create an access token for another workspace of the account; it expires when the presented one does */
        post: operations["switch_workspace"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Check that the process answers */
        get: operations["live"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Check that the database and the tail of the event log are available */
        get: operations["ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get metrics, in the text format of Prometheus or, if asked for, of OpenMetrics */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The caller's account. */
        Account: {
            created_at: components["schemas"]["Timestamp"];
            email: string;
            email_verified: boolean;
            /** @description The address that it is to have once that is confirmed by the mail sent there. */
            new_email?: string | null;
        };
        AccountDeletion: {
            password: components["schemas"]["Password"];
        };
        /** @description As whom an account is known in a workspace. */
        AccountPlace: {
            fullname: string;
            workspace_name: string;
        };
        /** @enum {string} */
        Anchor: "first_unread";
        /** @description A reaction that was given or taken back, and how often its emoji is on the message now. */
        ChangedReaction: {
            /**
             * Format: int64
             * @description 0: the message has it no more.
             */
            count: number;
            emoji: components["schemas"]["Emoji"];
            message_id: components["schemas"]["MessageId"];
            /**
             * Format: int64
             * @description The message's place in its chat.
             */
            seq: number;
            user_id: components["schemas"]["UserId"];
        };
        /** @description A thread after a reply came or was deleted. */
        ChangedThread: {
            /** Format: int64 */
            deleted_count: number;
            /** Format: int64 */
            last_no: number;
            last_reply_at: components["schemas"]["Timestamp"];
            participants: components["schemas"]["UserId"][];
            /**
             * Format: int64
             * @description The rest as on the root itself.
             */
            reply_count: number;
            /** @description The message that it is about, and that one's place in the chat and sender. */
            root_id: components["schemas"]["MessageId"];
            root_sender_id: components["schemas"]["UserId"];
            /** Format: int64 */
            root_seq: number;
        };
        /**
         * @description The schema of a chat as REST and events show it, the same for all who may see it. Its JSON comes
         *     from the SQL function `chat_json`.
         */
        Chat: {
            /** @description Whether those who join the workspace become members. Only for public channels. */
            auto_join: boolean;
            created_at: components["schemas"]["Timestamp"];
            /**
             * Format: int64
             * @description How many of its messages were deleted so far.
             */
            deleted_count: number;
            description: string;
            id: components["schemas"]["ChatId"];
            kind: components["schemas"]["ChatKind"];
            /**
             * Format: int64
             * @description How many messages stand in its main line, deleted ones included: unread counts are
             *     differences of it. System lines do not count.
             */
            last_root_no: number;
            /**
             * Format: int64
             * @description The `seq` of the newest message, 0 before the first.
             */
            last_seq: number;
            /** Format: int64 */
            member_count: number;
            /** @description The first ten members of a single chat or group, for its title. Empty for channels. */
            member_ids: components["schemas"]["UserId"][];
            /** @description Channels have one; groups may; single chats go by the other person. */
            name?: string | null;
            owner_id?: components["schemas"]["UserId"] | null;
        };
        /**
         * @description What a user can do in a chat.
         * @enum {string}
         */
        ChatAction: "see" | "read" | "post" | "react" | "pin" | "join" | "leave" | "add_members" | "remove_members" | "update" | "set_auto_join" | "delete" | "transfer_ownership" | "delete_message_of_others";
        /** @description Fields that are left out do not change. */
        ChatChanges: {
            /**
             * @description Whether those who join the workspace from now on become members. Only for a public channel,
             *     and only owners and admins of the workspace change it; at most 10 channels have it.
             */
            auto_join?: boolean | null;
            description?: components["schemas"]["ChatDescription"] | null;
            name?: components["schemas"]["ChatName"] | null;
        };
        /** @description A chat is new. For its first members, whose joining is not told one by one. */
        ChatCreatedEvent: {
            at: components["schemas"]["Timestamp"];
            chat: components["schemas"]["Chat"];
            chat_id: components["schemas"]["ChatId"];
            members: components["schemas"]["Member"][];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "chat.created";
        };
        /** @description A chat and its messages are gone. */
        ChatDeletedEvent: {
            at: components["schemas"]["Timestamp"];
            chat: components["schemas"]["DeletedChat"];
            chat_id: components["schemas"]["ChatId"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "chat.deleted";
        };
        /** @description What a chat is about; may be empty. */
        ChatDescription: string;
        /**
         * Format: uuid
         * @description A conversation.
         */
        ChatId: string;
        /**
         * @description The kind of a chat. It never changes, since the members agreed to its kind of privacy.
         * @enum {string}
         */
        ChatKind: "single" | "group" | "private_channel" | "public_channel";
        /** @description A chat as the caller sees it. */
        ChatListItem: {
            chat: components["schemas"]["Chat"];
            last_message?: components["schemas"]["Message"] | null;
            /**
             * @description What the caller may do in it. Never in an event: after one that can change it, ask
             *     `GET /api/chat/may`.
             */
            may: components["schemas"]["ChatAction"][];
            member?: components["schemas"]["Member"] | null;
            /**
             * Format: int64
             * @description The `seq` up to which the caller has read.
             */
            read_seq: number;
            /**
             * Format: int64
             * @description How many messages of the main line came after that and are not deleted.
             */
            unread_count: number;
        };
        /** @description A channel's or group's name: one line. No other public channel has one that looks the same. */
        ChatName: string;
        /** @description The caller's chats that were active last. */
        ChatPart: {
            /** @description Whether the caller is in more chats. `GET /api/chat` lists all of them. */
            has_more: boolean;
            items: components["schemas"]["ChatListItem"][];
        };
        /** @description How far the user has read, for their other devices. */
        ChatReadEvent: {
            at: components["schemas"]["Timestamp"];
            chat_id: components["schemas"]["ChatId"];
            read: components["schemas"]["ReadPosition"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "chat.read";
        };
        ChatRequest: {
            description?: components["schemas"]["ChatDescription"] | null;
            kind: components["schemas"]["ChatKind"];
            /** @description The members. The caller is one in any case and may be left out. */
            members?: components["schemas"]["UserId"][];
            name?: components["schemas"]["ChatName"] | null;
        };
        /**
         * @description A member's role in one chat. A single chat has no owner.
         * @enum {string}
         */
        ChatRole: "owner" | "member";
        /** @description A chat has another name, description or `auto_join`. */
        ChatUpdatedEvent: {
            at: components["schemas"]["Timestamp"];
            chat: components["schemas"]["Chat"];
            chat_id: components["schemas"]["ChatId"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "chat.updated";
        };
        /** @description The sender's own name for a send, so that it can be repeated safely. */
        ClientId: string;
        /** @description The first frame of each stream. */
        ConnectedFrame: {
            at: components["schemas"]["Timestamp"];
            /** @description Whether the stream goes on from the cursor that the client sent. */
            resumed: boolean;
            /** @description Names this stream in `PUT /api/streams/{stream_id}/interest`, until it ends. */
            stream_id: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "connected";
        };
        /** @description A frame about the stream itself. It is in no log, and carries a cursor like an event. */
        ControlFrame: components["schemas"]["ConnectedFrame"] | components["schemas"]["HeartbeatFrame"] | components["schemas"]["ResetFrame"];
        /** @description What is left of a deleted chat. */
        DeletedChat: {
            id: components["schemas"]["ChatId"];
        };
        EditMessage: {
            body: components["schemas"]["MessageBody"];
        };
        /**
         * @description An e-mail address, in lower case and ASCII (a domain in other letters as in the DNS). It is not
         *     checked whether mail reaches it.
         */
        Email: string;
        EmailChange: {
            email: components["schemas"]["Email"];
            password: components["schemas"]["Password"];
        };
        EmailCode: {
            code: string;
        };
        /** @description What stands after the @ of an e-mail address, in lower case. */
        EmailDomain: string;
        /** @description What a code would confirm. */
        EmailPreview: {
            email: string;
            /** @description As whom the account is known, in its first five workspaces. */
            places: components["schemas"]["AccountPlace"][];
        };
        /**
         * @description One emoji of Unicode in its fully qualified form (UTS #51, definition ED-18), so that the same
         *     picture is the same reaction whichever keyboard it came from. Skin tones are emoji of their own.
         */
        Emoji: string;
        /** @description What is true only now. It is in no log: its frame has no id, may be lost, and is never sent again. */
        EphemeralEvent: components["schemas"]["TypingEvent"];
        /**
         * @description What happened: the `data` of a frame of the stream. Ignore types and fields that you do not
         *     know. The extension `x-changes-may` names whose permissions an event can change: those of
         *     everyone in the chat (`chat`), of the member that it is about (`member`), or of the user that it
         *     is about, in every chat (`user`).
         */
        Event: components["schemas"]["MessageNewEvent"] | components["schemas"]["MessageEditedEvent"] | components["schemas"]["MessageDeletedEvent"] | components["schemas"]["ReactionAddedEvent"] | components["schemas"]["ReactionRemovedEvent"] | components["schemas"]["MessagePinnedEvent"] | components["schemas"]["MessageUnpinnedEvent"] | components["schemas"]["MessageSavedEvent"] | components["schemas"]["MessageUnsavedEvent"] | components["schemas"]["ThreadUpdatedEvent"] | components["schemas"]["ChatCreatedEvent"] | components["schemas"]["ChatUpdatedEvent"] | components["schemas"]["ChatDeletedEvent"] | components["schemas"]["ChatReadEvent"] | components["schemas"]["MemberJoinedEvent"] | components["schemas"]["MemberLeftEvent"] | components["schemas"]["MemberUpdatedEvent"] | components["schemas"]["UserJoinedEvent"] | components["schemas"]["UserUpdatedEvent"] | components["schemas"]["UserDeactivatedEvent"] | components["schemas"]["WorkspaceUpdatedEvent"] | components["schemas"]["SessionRevokedEvent"];
        /** @description A thread in the list of its follower. */
        FollowedThread: {
            last_reply?: components["schemas"]["Message"] | null;
            root: components["schemas"]["Message"];
            thread: components["schemas"]["ThreadState"];
        };
        ForgottenPassword: {
            email: components["schemas"]["Email"];
        };
        /** @description A person's name as others see it: one line. It shows, and mixes no scripts within a word. */
        FullName: string;
        Health: {
            /** @description `ok`. */
            status: string;
        };
        /** @description Sent while nothing else is. */
        HeartbeatFrame: {
            at: components["schemas"]["Timestamp"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "heartbeat";
        };
        /** @description What is wrong with one part of the request. */
        InvalidField: {
            /** @description The rule that it breaks. Stable; meant for programs. */
            code: string;
            /** @description For people; may change. */
            detail: string;
            /**
             * Format: int64
             * @description The most that it allows.
             */
            max?: number;
            /**
             * Format: int64
             * @description The least that the rule allows: characters of a text, entries of a list, or the number itself.
             */
            min?: number;
            /** @description JSON pointer into the body (RFC 6901), or the name of a parameter. */
            pointer: string;
        };
        /** @description An invitation as those who manage them see it. */
        Invite: {
            /** @description The code: anyone who has it may join. None if it was mailed: only the reader of the mail knows it. */
            code?: string | null;
            created_at: components["schemas"]["Timestamp"];
            created_by: components["schemas"]["UserId"];
            /** @description The only address that may use it. */
            email?: string | null;
            expires_at: components["schemas"]["Timestamp"];
            id: components["schemas"]["InviteId"];
            /** Format: int32 */
            max_uses: number;
            role: components["schemas"]["WorkspaceRole"];
            /** Format: int32 */
            uses: number;
        };
        /**
         * Format: uuid
         * @description An invitation link.
         */
        InviteId: string;
        /** @description What the code of an invitation tells about it. */
        InvitePreview: {
            /** @description The only address that may use it. */
            email?: string | null;
            expires_at: components["schemas"]["Timestamp"];
            workspace_name: string;
        };
        InviteRequest: {
            email?: components["schemas"]["Email"] | null;
            /**
             * Format: int32
             * @description Seconds until it ends; a week if left out, 90 days at most.
             */
            expires_in?: number | null;
            /**
             * Format: int32
             * @description How many people may use it; one if left out.
             */
            max_uses?: number | null;
            role?: components["schemas"]["InvitedRole"] | null;
        };
        /**
         * @description Owners are made by owners, not by invitation.
         * @enum {string}
         */
        InvitedRole: "member" | "admin";
        /** @description A set of JSON Web Keys (RFC 7517) */
        KeySet: {
            keys: Record<string, never>[];
        };
        Logout: {
            /** @description Browsers leave it out: they send it as a cookie. */
            refresh_token?: string | null;
        };
        MarkRead: {
            /**
             * Format: int64
             * @description The newest message that was read. The position only moves forward.
             */
            seq: number;
        };
        MarkThreadRead: {
            /**
             * Format: int64
             * @description The `thread_no` of the newest reply that was read. The position only moves forward.
             */
            thread_no: number;
        };
        /** @description What the caller may do in one chat. */
        May: {
            chat_id: components["schemas"]["ChatId"];
            may: components["schemas"]["ChatAction"][];
        };
        /** @description What the caller may do in several chats. */
        MayList: {
            items: components["schemas"]["May"][];
        };
        /** @description A member as REST and events show them. */
        Member: {
            joined_at: components["schemas"]["Timestamp"];
            role: components["schemas"]["ChatRole"];
            user_id: components["schemas"]["UserId"];
        };
        /** @description `owner` transfers the chat to this member; the former owner becomes a member. */
        MemberChanges: {
            role: components["schemas"]["ChatRole"];
        };
        MemberIds: {
            user_ids: components["schemas"]["UserId"][];
        };
        /** @description A member came into the chat, which is shown as it is with them. */
        MemberJoinedEvent: {
            at: components["schemas"]["Timestamp"];
            chat: components["schemas"]["Chat"];
            chat_id: components["schemas"]["ChatId"];
            last_message?: components["schemas"]["Message"] | null;
            member: components["schemas"]["Member"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "member.joined";
        };
        /** @description A member left or was removed. */
        MemberLeftEvent: {
            at: components["schemas"]["Timestamp"];
            chat: components["schemas"]["Chat"];
            chat_id: components["schemas"]["ChatId"];
            member: components["schemas"]["Member"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "member.left";
        };
        /** @description A member has another role. */
        MemberUpdatedEvent: {
            at: components["schemas"]["Timestamp"];
            chat: components["schemas"]["Chat"];
            chat_id: components["schemas"]["ChatId"];
            member: components["schemas"]["Member"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "member.updated";
        };
        /**
         * @description The schema of a message as REST and events show it. Its JSON comes from the SQL function
         *     `message_json`.
         */
        Message: {
            /** @description Of a reply in a thread: whether it stands in the main line of the chat as well. */
            also_in_chat?: boolean;
            /** @description Markdown, as written. Empty once deleted, and for a system line. */
            body: string;
            chat_id: components["schemas"]["ChatId"];
            /** @description The sender's own name for this send. */
            client_id?: string | null;
            created_at: components["schemas"]["Timestamp"];
            deleted_at?: components["schemas"]["Timestamp"] | null;
            edited_at?: components["schemas"]["Timestamp"] | null;
            id: components["schemas"]["MessageId"];
            kind: components["schemas"]["MessageKind"];
            /** @description There if the message is pinned. */
            pinned?: components["schemas"]["Pinned"];
            /** @description In the order of the first use of each emoji. A message without reactions lacks the field. */
            reactions?: components["schemas"]["Reaction"][];
            reply_to?: components["schemas"]["MessageId"] | null;
            /** @description Of a reply in a thread: the message that the thread is about. Other messages lack the field. */
            root_id?: components["schemas"]["MessageId"];
            /**
             * @description There, and true, if the caller keeps the message for later. Not in events and not in the last
             *     message of a chat, which are the same for all.
             */
            saved?: boolean;
            sender_id: components["schemas"]["UserId"];
            /**
             * Format: int64
             * @description 1, 2, 3 ... in its chat, without gaps.
             */
            seq: number;
            /** @description What a system line tells; other messages lack the field. */
            system?: components["schemas"]["SystemLine"];
            /** @description The thread about this message. A message without one lacks the field. */
            thread?: components["schemas"]["Thread"];
            /**
             * Format: int64
             * @description Of a reply in a thread: 1, 2, 3 ... there, without gaps.
             */
            thread_no?: number;
        };
        /** @description A message as written, Markdown. Kept byte for byte; not only white space. */
        MessageBody: string;
        /** @description A message is deleted: its place stays, its text is empty. */
        MessageDeletedEvent: {
            at: components["schemas"]["Timestamp"];
            chat_id: components["schemas"]["ChatId"];
            /**
             * Format: int64
             * @description The `deleted_count` of the chat with this one. An unread message is no longer unread:
             *     take one off, unless the count of the chat was as high before. A reply that is not in the
             *     main line leaves the count as it is.
             */
            deleted_count: number;
            message: components["schemas"]["Message"];
            /** @description There if the message was a reply: its thread as it is now. */
            thread?: components["schemas"]["ChangedThread"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "message.deleted";
        };
        /** @description A message has another text. */
        MessageEditedEvent: {
            at: components["schemas"]["Timestamp"];
            chat_id: components["schemas"]["ChatId"];
            message: components["schemas"]["Message"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "message.edited";
        };
        /**
         * Format: uuid
         * @description A message.
         */
        MessageId: string;
        /**
         * @description Who wrote a message: a person or program, or Parlor itself about what happened in the chat. A
         *     system line is unread to nobody, and cannot be edited, deleted or replied to.
         * @enum {string}
         */
        MessageKind: "user" | "system";
        /** @description Consecutive messages of the main line of a chat, oldest first. */
        MessageList: {
            /** @description Whether there are more in a direction that was asked for. */
            has_more: boolean;
            has_more_after: boolean;
            has_more_before: boolean;
            items: components["schemas"]["Message"][];
        };
        /** @description A message was sent. */
        MessageNewEvent: {
            at: components["schemas"]["Timestamp"];
            chat_id: components["schemas"]["ChatId"];
            message: components["schemas"]["Message"];
            /** @description There if the message is a reply: its thread as it is now. */
            thread?: components["schemas"]["ChangedThread"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "message.new";
        };
        /** @description A message is pinned. */
        MessagePinnedEvent: {
            at: components["schemas"]["Timestamp"];
            chat_id: components["schemas"]["ChatId"];
            pin: components["schemas"]["NewPin"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "message.pinned";
        };
        /** @description A message, and its place in its chat. */
        MessagePlace: {
            message_id: components["schemas"]["MessageId"];
            /** Format: int64 */
            seq: number;
        };
        /** @description The user keeps a message for later, for their other devices. */
        MessageSavedEvent: {
            at: components["schemas"]["Timestamp"];
            chat_id: components["schemas"]["ChatId"];
            saved: components["schemas"]["NewSaved"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "message.saved";
        };
        /** @description A message is pinned no more. */
        MessageUnpinnedEvent: {
            at: components["schemas"]["Timestamp"];
            chat_id: components["schemas"]["ChatId"];
            pin: components["schemas"]["MessagePlace"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "message.unpinned";
        };
        /** @description The user keeps a message no more, for their other devices. */
        MessageUnsavedEvent: {
            at: components["schemas"]["Timestamp"];
            chat_id: components["schemas"]["ChatId"];
            saved: components["schemas"]["MessagePlace"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "message.unsaved";
        };
        /** @description The caller's account, and what this server can do for it. */
        MyAccount: components["schemas"]["Account"] & {
            /** @description Whether this server sends mails. */
            sends_mail: boolean;
        };
        /** @description Fields that are left out do not change. */
        MyChanges: {
            fullname?: components["schemas"]["FullName"] | null;
        };
        /** @description A message that is pinned, by whom and since when. */
        NewPin: {
            at: components["schemas"]["Timestamp"];
            by: components["schemas"]["UserId"];
            message_id: components["schemas"]["MessageId"];
            /**
             * Format: int64
             * @description The message's place in its chat.
             */
            seq: number;
        };
        /** @description A message that is kept for later, and since when. */
        NewSaved: {
            at: components["schemas"]["Timestamp"];
            message_id: components["schemas"]["MessageId"];
            /**
             * Format: int64
             * @description The message's place in its chat.
             */
            seq: number;
        };
        NewWorkspace: {
            name: components["schemas"]["WorkspaceName"];
        };
        /** @description Part of a list. */
        Page_Chat: {
            /** @description Whether the list goes on after the last item. */
            has_more: boolean;
            items: {
                /** @description Whether those who join the workspace become members. Only for public channels. */
                auto_join: boolean;
                created_at: components["schemas"]["Timestamp"];
                /**
                 * Format: int64
                 * @description How many of its messages were deleted so far.
                 */
                deleted_count: number;
                description: string;
                id: components["schemas"]["ChatId"];
                kind: components["schemas"]["ChatKind"];
                /**
                 * Format: int64
                 * @description How many messages stand in its main line, deleted ones included: unread counts are
                 *     differences of it. System lines do not count.
                 */
                last_root_no: number;
                /**
                 * Format: int64
                 * @description The `seq` of the newest message, 0 before the first.
                 */
                last_seq: number;
                /** Format: int64 */
                member_count: number;
                /** @description The first ten members of a single chat or group, for its title. Empty for channels. */
                member_ids: components["schemas"]["UserId"][];
                /** @description Channels have one; groups may; single chats go by the other person. */
                name?: string | null;
                owner_id?: components["schemas"]["UserId"] | null;
            }[];
        };
        /** @description Part of a list. */
        Page_ChatListItem: {
            /** @description Whether the list goes on after the last item. */
            has_more: boolean;
            items: {
                chat: components["schemas"]["Chat"];
                last_message?: components["schemas"]["Message"] | null;
                /**
                 * @description What the caller may do in it. Never in an event: after one that can change it, ask
                 *     `GET /api/chat/may`.
                 */
                may: components["schemas"]["ChatAction"][];
                member?: components["schemas"]["Member"] | null;
                /**
                 * Format: int64
                 * @description The `seq` up to which the caller has read.
                 */
                read_seq: number;
                /**
                 * Format: int64
                 * @description How many messages of the main line came after that and are not deleted.
                 */
                unread_count: number;
            }[];
        };
        /** @description Part of a list. */
        Page_FollowedThread: {
            /** @description Whether the list goes on after the last item. */
            has_more: boolean;
            items: {
                last_reply?: components["schemas"]["Message"] | null;
                root: components["schemas"]["Message"];
                thread: components["schemas"]["ThreadState"];
            }[];
        };
        /** @description Part of a list. */
        Page_Invite: {
            /** @description Whether the list goes on after the last item. */
            has_more: boolean;
            items: {
                /** @description The code: anyone who has it may join. None if it was mailed: only the reader of the mail knows it. */
                code?: string | null;
                created_at: components["schemas"]["Timestamp"];
                created_by: components["schemas"]["UserId"];
                /** @description The only address that may use it. */
                email?: string | null;
                expires_at: components["schemas"]["Timestamp"];
                id: components["schemas"]["InviteId"];
                /** Format: int32 */
                max_uses: number;
                role: components["schemas"]["WorkspaceRole"];
                /** Format: int32 */
                uses: number;
            }[];
        };
        /** @description Part of a list. */
        Page_Member: {
            /** @description Whether the list goes on after the last item. */
            has_more: boolean;
            items: {
                joined_at: components["schemas"]["Timestamp"];
                role: components["schemas"]["ChatRole"];
                user_id: components["schemas"]["UserId"];
            }[];
        };
        /** @description Part of a list. */
        Page_Pin: {
            /** @description Whether the list goes on after the last item. */
            has_more: boolean;
            items: {
                message: components["schemas"]["Message"];
                pinned_at: components["schemas"]["Timestamp"];
                pinned_by: components["schemas"]["UserId"];
            }[];
        };
        /** @description Part of a list. */
        Page_Reactor: {
            /** @description Whether the list goes on after the last item. */
            has_more: boolean;
            items: {
                created_at: components["schemas"]["Timestamp"];
                user_id: components["schemas"]["UserId"];
            }[];
        };
        /** @description Part of a list. */
        Page_Saved: {
            /** @description Whether the list goes on after the last item. */
            has_more: boolean;
            items: {
                chat_id: components["schemas"]["ChatId"];
                message?: components["schemas"]["Message"] | null;
                message_id: components["schemas"]["MessageId"];
                saved_at: components["schemas"]["Timestamp"];
            }[];
        };
        /** @description Part of a list. */
        Page_Session: {
            /** @description Whether the list goes on after the last item. */
            has_more: boolean;
            items: {
                created_at: components["schemas"]["Timestamp"];
                /** @description Whether it is the session of the access token. */
                current: boolean;
                expires_at: components["schemas"]["Timestamp"];
                id: components["schemas"]["SessionId"];
                last_used_at: components["schemas"]["Timestamp"];
                /** @description What the device called itself. */
                user_agent: string;
            }[];
        };
        /** @description Part of a list. */
        Page_User: {
            /** @description Whether the list goes on after the last item. */
            has_more: boolean;
            items: {
                /** @description False once deactivated: they cannot sign in, and their messages stay. */
                active: boolean;
                created_at: components["schemas"]["Timestamp"];
                /** @description None for users who sign in through a host application. */
                email?: string | null;
                /** @description Whether the address is shown to be theirs. Anybody may claim one that is not. */
                email_verified: boolean;
                fullname: string;
                id: components["schemas"]["UserId"];
                role: components["schemas"]["WorkspaceRole"];
            }[];
        };
        /** @description Part of a list. */
        Page_WorkspaceWithUnread: {
            /** @description Whether the list goes on after the last item. */
            has_more: boolean;
            items: (components["schemas"]["Workspace"] & {
                /**
                 * Format: int64
                 * @description How many of them are for the caller: those in single chats.
                 */
                mentions: number;
                /**
                 * Format: int64
                 * @description The sum of the `unread_count` of the caller's chats there.
                 */
                unread: number;
            })[];
        };
        /**
         * Format: password
         * @description A password on its way to be hashed; never shown. It is kept in its compatibility form (NFKC), so
         *     that it is the same whichever keyboard it was typed on; case and spaces count.
         */
        Password: string;
        PasswordChange: {
            current_password: components["schemas"]["Password"];
            new_password: components["schemas"]["Password"];
        };
        PasswordReset: {
            code: string;
            password: components["schemas"]["Password"];
        };
        /** @description A pinned message. */
        Pin: {
            message: components["schemas"]["Message"];
            pinned_at: components["schemas"]["Timestamp"];
            pinned_by: components["schemas"]["UserId"];
        };
        /** @description Who pinned a message, and when. */
        Pinned: {
            at: components["schemas"]["Timestamp"];
            by: components["schemas"]["UserId"];
        };
        /** @description The body of every refusal (RFC 9457). */
        Problem: {
            /** @description Stable; meant for programs. */
            code: string;
            /** @description For people; may change. */
            detail: string;
            errors?: components["schemas"]["InvalidField"][];
            /** @description Names this request in the server's log. */
            request_id?: string | null;
            /** Format: int32 */
            status: number;
            title: string;
            /** @description Always `about:blank`: `code` tells the cases apart. */
            type: string;
        };
        /** @description How often one emoji was given to a message. */
        Reaction: {
            /** Format: int64 */
            count: number;
            emoji: components["schemas"]["Emoji"];
            /**
             * @description Whether the caller gave it. Not in events and not in the last message of a chat, which are the
             *     same for all.
             */
            me?: boolean;
        };
        /** @description A member reacted to a message. */
        ReactionAddedEvent: {
            at: components["schemas"]["Timestamp"];
            chat_id: components["schemas"]["ChatId"];
            reaction: components["schemas"]["ChangedReaction"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "reaction.added";
        };
        /** @description A member took a reaction back. */
        ReactionRemovedEvent: {
            at: components["schemas"]["Timestamp"];
            chat_id: components["schemas"]["ChatId"];
            reaction: components["schemas"]["ChangedReaction"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "reaction.removed";
        };
        /** @description One person's reaction with the emoji that was asked for. */
        Reactor: {
            created_at: components["schemas"]["Timestamp"];
            user_id: components["schemas"]["UserId"];
        };
        /** @description How far a user has read a chat, as REST and events show it. */
        ReadPosition: {
            /**
             * Format: int64
             * @description The messages of the chat that had been deleted by then.
             */
            deleted_count: number;
            /**
             * Format: int64
             * @description The messages in the main line then.
             */
            last_root_no: number;
            /** Format: int64 */
            last_seq: number;
            /** Format: int64 */
            seq: number;
            /**
             * Format: int64
             * @description The unread messages after it, when `last_seq` was the newest message.
             */
            unread_count: number;
        };
        Readiness: {
            /** @description What an operator should know though requests are answered, a line each. */
            notes?: string[];
            /** @description `ok`. */
            status: string;
        };
        Refresh: {
            /** @description Browsers leave it out: they send it as a cookie. The next one comes back in the same way. */
            refresh_token?: string | null;
            workspace?: components["schemas"]["WorkspaceId"] | null;
        };
        Reply: {
            /** @description Whether the reply is to stand in the main line of the chat as well. */
            also_in_chat?: boolean;
            body: components["schemas"]["MessageBody"];
            client_id?: components["schemas"]["ClientId"] | null;
            reply_to?: components["schemas"]["MessageId"] | null;
        };
        /** @description Consecutive replies of a thread, oldest first, and the message that it is about. */
        ReplyList: {
            /** @description Whether there are more in a direction that was asked for. */
            has_more: boolean;
            has_more_after: boolean;
            has_more_before: boolean;
            items: components["schemas"]["Message"][];
            root: components["schemas"]["Message"];
            thread?: components["schemas"]["ThreadState"] | null;
        };
        /** @description The stream cannot go on from the client's cursor: take a new snapshot. */
        ResetFrame: {
            at: components["schemas"]["Timestamp"];
            reason: components["schemas"]["ResetReason"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "reset";
        };
        /**
         * @description Why a stream cannot go on from a client's cursor.
         * @enum {string}
         */
        ResetReason: "unknown" | "expired" | "other_generation" | "other_workspace" | "malformed" | "gap" | "unreadable_event";
        /** @description The session that is over. */
        RevokedSession: {
            id: components["schemas"]["SessionId"];
        };
        /** @description A message that the caller keeps for later. */
        Saved: {
            chat_id: components["schemas"]["ChatId"];
            message?: components["schemas"]["Message"] | null;
            message_id: components["schemas"]["MessageId"];
            saved_at: components["schemas"]["Timestamp"];
        };
        SendMessage: {
            body: components["schemas"]["MessageBody"];
            client_id?: components["schemas"]["ClientId"] | null;
            reply_to?: components["schemas"]["MessageId"] | null;
        };
        /** @description A sign-in on one device, as its owner sees it. */
        Session: {
            created_at: components["schemas"]["Timestamp"];
            /** @description Whether it is the session of the access token. */
            current: boolean;
            expires_at: components["schemas"]["Timestamp"];
            id: components["schemas"]["SessionId"];
            last_used_at: components["schemas"]["Timestamp"];
            /** @description What the device called itself. */
            user_agent: string;
        };
        /**
         * Format: uuid
         * @description A sign-in on one device.
         */
        SessionId: string;
        /** @description A sign-in of the user was ended. Its own streams end here. */
        SessionRevokedEvent: {
            at: components["schemas"]["Timestamp"];
            session: components["schemas"]["RevokedSession"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "session.revoked";
        };
        SignIn: {
            email: components["schemas"]["Email"];
            password: components["schemas"]["Password"];
            refresh_token_in?: components["schemas"]["TokenPlace"];
            /** @description Id or name of the workspace; without it, the one that the account joined first. */
            workspace?: string | null;
        };
        SignUp: {
            email: components["schemas"]["Email"];
            fullname: components["schemas"]["FullName"];
            /** @description The code of an invitation to an existing workspace. */
            invite?: string | null;
            password: components["schemas"]["Password"];
            refresh_token_in?: components["schemas"]["TokenPlace"];
            workspace?: components["schemas"]["WorkspaceName"] | null;
        };
        /** @description A token for one workspace, and all workspaces of the account. */
        SignedIn: {
            access_token: string;
            /**
             * Format: int64
             * @description Seconds until the access token expires.
             */
            expires_in: number;
            /**
             * @description For one refresh, if it was asked for in the body. Browsers have it in a cookie that no script can read. A switch
             *     of workspace gives none: the current one stays.
             */
            refresh_token?: string | null;
            /** @description Always `Bearer`. */
            token_type: string;
            user: components["schemas"]["User"];
            workspace: components["schemas"]["Workspace"];
            /** @description All workspaces of the account. */
            workspaces: components["schemas"]["Workspace"][];
        };
        /**
         * @description What a client begins with, all of one moment, and the position in the stream that belongs to it. Bounded however much
         *     there is: people come by `GET /api/users?ids=` as they are needed, chats beyond the limit by `GET /api/chat`.
         */
        Snapshot: {
            /** @description The caller's chats, the most recently active first: by their newest message, or by a later join. */
            chats: components["schemas"]["ChatPart"];
            /** @description Connect the stream with this: what comes is exactly what happened since. */
            cursor: string;
            /** @description The address of the stream. */
            events_url: string;
            /** @description The threads that the caller follows, the one with the newest reply first. */
            threads: components["schemas"]["ThreadPart"];
            user: components["schemas"]["User"];
            workspace: components["schemas"]["Workspace"];
        };
        /** @description Which ephemeral events a stream is told. It replaces what was said before. */
        StreamInterest: {
            /** @description The chats whose ephemeral events to send. Left out: all of them. */
            chats?: components["schemas"]["ChatId"][] | null;
            /** @description The people whose presence to send. Kept for later: presence is not sent yet. */
            users?: components["schemas"]["UserId"][];
        };
        /** @description What a system line tells. Its sender is who did it. A newer server may send further types. */
        SystemLine: {
            /** @enum {string} */
            type: "made";
        } | {
            /** @enum {string} */
            type: "joined";
            user_ids: components["schemas"]["UserId"][];
        } | {
            /** @enum {string} */
            type: "left";
            user_ids: components["schemas"]["UserId"][];
        } | {
            new_name: string;
            old_name?: string | null;
            /** @enum {string} */
            type: "renamed";
        } | {
            from?: components["schemas"]["UserId"] | null;
            to: components["schemas"]["UserId"];
            /** @enum {string} */
            type: "ownership_passed";
        };
        /** @description What a message tells of the thread about it. */
        Thread: {
            /**
             * Format: int64
             * @description How many of its replies were deleted so far.
             */
            deleted_count: number;
            /** @description Whether the caller follows it. Not in events, which are the same for all. */
            following?: boolean;
            /**
             * Format: int64
             * @description The `thread_no` of the newest reply.
             */
            last_no: number;
            last_reply_at: components["schemas"]["Timestamp"];
            /** @description The first five who replied. */
            participants: components["schemas"]["UserId"][];
            /**
             * Format: int64
             * @description Replies that are not deleted.
             */
            reply_count: number;
            /**
             * Format: int64
             * @description How many replies the caller has not read, if they follow it. Not in events.
             */
            unread_count?: number;
        };
        /** @description The threads with the newest replies that the caller follows, at most 200. */
        ThreadPart: {
            /** @description Whether the caller follows more. `GET /api/threads` lists all of them. */
            has_more: boolean;
            items: components["schemas"]["ThreadState"][];
        };
        /** @description A member's own view of a thread. */
        ThreadState: {
            chat_id: components["schemas"]["ChatId"];
            /**
             * Format: int64
             * @description The replies that had been deleted by then.
             */
            deleted_count: number;
            following: boolean;
            /** Format: int64 */
            last_no: number;
            /**
             * Format: int64
             * @description They have read up to this `thread_no`.
             */
            read_no: number;
            root_id: components["schemas"]["MessageId"];
            /**
             * Format: int64
             * @description The unread replies after it when `last_no` was the newest, 0 if they do not follow it.
             */
            unread_count: number;
        };
        /** @description The user follows a thread, follows it no more, or has read on, for their other devices. */
        ThreadUpdatedEvent: {
            at: components["schemas"]["Timestamp"];
            chat_id: components["schemas"]["ChatId"];
            thread: components["schemas"]["ThreadState"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "thread.updated";
        };
        /** @description Opens streams, and nothing else; may be part of their URL. */
        Ticket: {
            /**
             * Format: int64
             * @description Seconds until it expires.
             */
            expires_in: number;
            ticket: string;
            /** @description The stream, ticket included: for `new EventSource(url)`. */
            url: string;
        };
        /**
         * Format: date-time
         * @description A point in time. Postgres keeps microseconds; JSON has milliseconds, rounded down.
         */
        Timestamp: string;
        /**
         * @description Where a refresh token goes.
         * @enum {string}
         */
        TokenPlace: "cookie" | "body";
        /** @description Another member of a chat types there, or stopped. */
        TypingEvent: {
            at: components["schemas"]["Timestamp"];
            chat_id: components["schemas"]["ChatId"];
            /** @description False: they stopped. */
            is_typing: boolean;
            /**
             * Format: int32
             * @description How long to show it, unless it comes again.
             */
            seconds: number;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "typing";
            user_id: components["schemas"]["UserId"];
        };
        /** @description A user as REST and events show them. */
        User: {
            /** @description False once deactivated: they cannot sign in, and their messages stay. */
            active: boolean;
            created_at: components["schemas"]["Timestamp"];
            /** @description None for users who sign in through a host application. */
            email?: string | null;
            /** @description Whether the address is shown to be theirs. Anybody may claim one that is not. */
            email_verified: boolean;
            fullname: string;
            id: components["schemas"]["UserId"];
            role: components["schemas"]["WorkspaceRole"];
        };
        /** @description Fields that are left out do not change. */
        UserChanges: {
            /**
             * @description False ends all access at once. What the user held, sessions and invitations, does not come back with true; the
             *     messages stay.
             */
            active?: boolean | null;
            role?: components["schemas"]["WorkspaceRole"] | null;
        };
        /** @description A user is deactivated. Their own streams end here. */
        UserDeactivatedEvent: {
            at: components["schemas"]["Timestamp"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "user.deactivated";
            user: components["schemas"]["User"];
        };
        /**
         * Format: uuid
         * @description A person inside one workspace.
         */
        UserId: string;
        /** @description A user is new in the workspace. */
        UserJoinedEvent: {
            at: components["schemas"]["Timestamp"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "user.joined";
            user: components["schemas"]["User"];
        };
        /** @description A user has another name, role or e-mail address, or is active again. */
        UserUpdatedEvent: {
            at: components["schemas"]["Timestamp"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "user.updated";
            user: components["schemas"]["User"];
        };
        /** @description A workspace as REST and events show it. */
        Workspace: {
            created_at: components["schemas"]["Timestamp"];
            /** @description Whose e-mail addresses may join; all if there are none. */
            email_domains: string[];
            id: components["schemas"]["WorkspaceId"];
            name: string;
            /** @description Whether those who join need a verified e-mail address. */
            verified_only: boolean;
        };
        /** @description Fields that are left out do not change. */
        WorkspaceChanges: {
            /** @description Whose e-mail addresses may join from now on; all if the list is empty. */
            email_domains?: components["schemas"]["EmailDomain"][] | null;
            name?: components["schemas"]["WorkspaceName"] | null;
            /** @description Whether those who join from now on need a verified e-mail address. */
            verified_only?: boolean | null;
        };
        /**
         * Format: uuid
         * @description A tenant.
         */
        WorkspaceId: string;
        /** @description A workspace's name: one line. No other workspace has one that looks the same. */
        WorkspaceName: string;
        /**
         * @description A user's role in their workspace.
         * @enum {string}
         */
        WorkspaceRole: "member" | "admin" | "owner";
        /** @description The workspace has another name. */
        WorkspaceUpdatedEvent: {
            at: components["schemas"]["Timestamp"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "workspace.updated";
            workspace: components["schemas"]["Workspace"];
        };
        /** @description A workspace of the caller's account, with what waits there. */
        WorkspaceWithUnread: components["schemas"]["Workspace"] & {
            /**
             * Format: int64
             * @description How many of them are for the caller: those in single chats.
             */
            mentions: number;
            /**
             * Format: int64
             * @description The sum of the `unread_count` of the caller's chats there.
             */
            unread: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    list_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeySet"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_account: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MyAccount"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_account: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AccountDeletion"];
            };
        };
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description last_owner */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description wrong_password */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    change_email: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EmailChange"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MyAccount"];
                };
            };
            /** @description email_domain, email_unverified */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description email_taken */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description wrong_password */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    export_account: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                };
            };
            /** @description export_running */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    change_password: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordChange"];
            };
        };
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description wrong_password, common_password */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ask_for_verification: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description no_mail, already_verified */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_channels: {
        parameters: {
            query?: {
                /** @description Part of a name or a description. */
                query?: string;
                /** @description The last channel of the page before. */
                after?: components["schemas"]["ChatId"];
                limit?: number;
            };
            header?: {
                /** @description The ETag of the response that the client has */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Chat"];
                };
            };
            /** @description Not modified since the response with that ETag */
            304: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_chats: {
        parameters: {
            query?: {
                /** @description The last chat of the page before. */
                after?: components["schemas"]["ChatId"];
                limit?: number;
            };
            header?: {
                /** @description The ETag of the response that the client has */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_ChatListItem"];
                };
            };
            /** @description Not modified since the response with that ETag */
            304: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_chat: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChatRequest"];
            };
        };
        responses: {
            /** @description the single chat that exists */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChatListItem"];
                };
            };
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChatListItem"];
                };
            };
            /** @description chat_name_taken, too_many_chats */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_may: {
        parameters: {
            query: {
                /**
                 * @description The chats, separated by commas. Unknown chats and those that the caller may not see are left
                 *     out.
                 */
                ids: components["schemas"]["ChatId"][];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MayList"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_chat: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChatListItem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_chat: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    update_chat: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChatChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChatListItem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description chat_name_taken, too_many_auto_join */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    join_chat: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description also when the caller is a member already */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChatListItem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    leave_chat: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description owner_must_transfer */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_members: {
        parameters: {
            query?: {
                /** @description The last member of the page before. */
                after?: components["schemas"]["UserId"];
                limit?: number;
            };
            header?: {
                /** @description The ETag of the response that the client has */
                "If-None-Match"?: string;
            };
            path: {
                id: components["schemas"]["ChatId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Member"];
                };
            };
            /** @description Not modified since the response with that ETag */
            304: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    add_members: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MemberIds"];
            };
        };
        responses: {
            /** @description the members who were added */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Member"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    remove_members: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MemberIds"];
            };
        };
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description owner_stays */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    remove_member: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
                member_id: components["schemas"]["UserId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description owner_stays */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    update_member: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
                member_id: components["schemas"]["UserId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MemberChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_messages: {
        parameters: {
            query?: {
                /** @description Messages with a smaller `seq`, the nearest. */
                before?: number;
                /** @description Messages with a larger `seq`, the nearest. */
                after?: number;
                /** @description Messages on both sides of this `seq`, itself included. */
                around?: number;
                /** @description `first_unread`: as `around` the first message that the caller has not read. */
                anchor?: components["schemas"]["Anchor"];
                limit?: number;
            };
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessageList"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    send_message: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same as client_id */
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: components["schemas"]["ChatId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SendMessage"];
            };
        };
        responses: {
            /** @description sent before under this client_id; Idempotent-Replayed: true */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description workspace_full */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invalid, idempotency_key_reused */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_message: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
                message_id: components["schemas"]["MessageId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_message: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
                message_id: components["schemas"]["MessageId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description also when it was deleted before */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description system_message */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    edit_message: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
                message_id: components["schemas"]["MessageId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EditMessage"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description message_deleted, system_message, workspace_full */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    pin_message: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
                message_id: components["schemas"]["MessageId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description message_deleted, system_message, too_many_pins */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    unpin_message: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
                message_id: components["schemas"]["MessageId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description also when there is none */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_reactors: {
        parameters: {
            query?: {
                /** @description The last user of the page before. */
                after?: components["schemas"]["UserId"];
                limit?: number;
            };
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
                message_id: components["schemas"]["MessageId"];
                emoji: components["schemas"]["Emoji"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Reactor"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    add_reaction: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
                message_id: components["schemas"]["MessageId"];
                emoji: components["schemas"]["Emoji"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description message_deleted, system_message, too_many_reactions */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    remove_reaction: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
                message_id: components["schemas"]["MessageId"];
                emoji: components["schemas"]["Emoji"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description also when there is none */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_thread: {
        parameters: {
            query?: {
                /** @description Replies with a smaller `thread_no`, the nearest. */
                before?: number;
                /** @description Replies with a larger `thread_no`, the nearest. */
                after?: number;
                /** @description Replies on both sides of this `thread_no`, itself included. */
                around?: number;
                limit?: number;
            };
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
                message_id: components["schemas"]["MessageId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReplyList"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    reply_in_thread: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same as client_id */
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: components["schemas"]["ChatId"];
                message_id: components["schemas"]["MessageId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reply"];
            };
        };
        responses: {
            /** @description sent before under this client_id; Idempotent-Replayed: true */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description message_deleted, system_message, workspace_full */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invalid, idempotency_key_reused */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    follow_thread: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
                message_id: components["schemas"]["MessageId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    unfollow_thread: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
                message_id: components["schemas"]["MessageId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    mark_thread_read: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
                message_id: components["schemas"]["MessageId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MarkThreadRead"];
            };
        };
        responses: {
            /** @description null if the caller has never followed it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ThreadState"] | null;
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_pins: {
        parameters: {
            query?: {
                /** @description The last message of the page before. */
                after?: components["schemas"]["MessageId"];
                limit?: number;
            };
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Pin"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    mark_read: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MarkRead"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReadPosition"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    start_typing: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    stop_typing: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["ChatId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    confirm_email: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EmailCode"];
            };
        };
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description email_taken */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description code_invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    preview_email: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EmailCode"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EmailPreview"];
                };
            };
            /** @description code_invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_ticket: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ticket"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_invites: {
        parameters: {
            query?: {
                /** @description The last invitation of the page before. */
                before?: components["schemas"]["InviteId"];
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Invite"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_invite: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["InviteRequest"] | null;
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Invite"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_invite: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                code: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvitePreview"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revoke_invite: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                code: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    accept_invite: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                code: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedIn"];
                };
            };
            /** @description email_taken, too_many_workspaces */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description invite_invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Logout"] | null;
            };
        };
        responses: {
            /** @description also when there was no such session */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    forgot_password: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ForgottenPassword"];
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description no_mail */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    reset_password: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordReset"];
            };
        };
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description code_invalid, common_password */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    refresh: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Refresh"] | null;
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedIn"];
                };
            };
            /** @description refresh_token_invalid, refresh_token_reused */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_saved: {
        parameters: {
            query?: {
                /** @description The `message_id` of the last item of the page before. */
                after?: components["schemas"]["MessageId"];
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Saved"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    save_message: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                message_id: components["schemas"]["MessageId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description message_deleted, system_message, too_many_saved */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    unsave_message: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                message_id: components["schemas"]["MessageId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description also when it was not kept */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_sessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Session"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revoke_other_sessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revoke_session: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    signin: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignIn"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedIn"];
                };
            };
            /** @description wrong_credentials */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    signup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignUp"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedIn"];
                };
            };
            /** @description email_taken, workspace_taken */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    set_interest: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                stream_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StreamInterest"];
            };
        };
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description more than 50 chats or 200 users */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    sync: {
        parameters: {
            query?: {
                /** @description How many chats to answer with, the most recently active first. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Snapshot"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_threads: {
        parameters: {
            query?: {
                /** @description The `root_id` of the last thread of the page before. */
                after?: components["schemas"]["MessageId"];
                /** @description Those with unread replies alone. */
                unread?: boolean;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_FollowedThread"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_users: {
        parameters: {
            query?: {
                /** @description Part of a name or an e-mail address. */
                query?: string;
                /**
                 * @description Only these, separated by commas; those who are not in the workspace are left out. For the names behind the ids in
                 *     chats and messages.
                 */
                ids?: components["schemas"]["UserId"][];
                /** @description The last user of the page before. */
                after?: components["schemas"]["UserId"];
                limit?: number;
            };
            header?: {
                /** @description The ETag of the response that the client has */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_User"];
                };
            };
            /** @description Not modified since the response with that ETag */
            304: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    update_me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MyChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_user: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["UserId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    update_user: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["UserId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description last_owner */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_workspaces: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_WorkspaceWithUnread"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_workspace: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewWorkspace"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Workspace"];
                };
            };
            /** @description workspace_taken */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    update_workspace: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["WorkspaceId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WorkspaceChanges"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Workspace"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    switch_workspace: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: components["schemas"]["WorkspaceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedIn"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    live: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description names what is unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/openmetrics-text": string;
                    "text/plain": string;
                };
            };
            /** @description metrics have an address of their own */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused or failed; `code` says why */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}

/** Every type of event, and whose permissions it can change: see `Event`. */
export const changesMay: Record<components["schemas"]["Event"]["type"], "chat" | "member" | "user" | null> = {
    "chat.created": "chat",
    "chat.deleted": null,
    "chat.read": null,
    "chat.updated": null,
    "member.joined": "member",
    "member.left": "member",
    "member.updated": "member",
    "message.deleted": null,
    "message.edited": null,
    "message.new": null,
    "message.pinned": null,
    "message.saved": null,
    "message.unpinned": null,
    "message.unsaved": null,
    "reaction.added": null,
    "reaction.removed": null,
    "session.revoked": null,
    "thread.updated": null,
    "user.deactivated": "user",
    "user.joined": null,
    "user.updated": "user",
    "workspace.updated": null,
};
