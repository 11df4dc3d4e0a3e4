// deno-lint-ignore-file
// Made by deno task docs:openapi.
export interface paths {
    "/api/v1/secrets/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a secret.
         * @description Verb of the policy: read.
         */
        get: operations["readSecret"];
        /**
         * Replace all fields of a secret by a new version.
         * @description Verb of the policy: write.
         */
        put: operations["updateSecret"];
        /**
         * Create a secret. With If-Match, write anew a secret that was deleted.
         * @description Verb of the policy: write.
         */
        post: operations["createSecret"];
        /**
         * Delete versions, or the whole secret, so that it can be undeleted.
         * @description Verb of the policy: write.
         */
        delete: operations["deleteSecret"];
        options?: never;
        head?: never;
        /**
         * Change fields, labels, expiry or the number of kept versions.
         * @description Verb of the policy: write.
         */
        patch: operations["patchSecret"];
        trace?: never;
    };
    "/api/v1/generate/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Generate a value that is not shown. With If-Match, as a new version, in which the other fields keep their values.
         * @description Verb of the policy: generate.
         */
        post: operations["generateSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/undelete/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take back a deletion.
         * @description Verb of the policy: write.
         */
        post: operations["undeleteSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/destroy/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Destroy versions for good.
         * @description Verb of the policy: destroy.
         */
        post: operations["destroyVersions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/move": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Move a secret with its history. It needs read and write at both ends.
         * @description Verb of the policy: write.
         */
        post: operations["moveSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/history/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All versions of a secret without their values.
         * @description Verb of the policy: read.
         */
        get: operations["history"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/diff/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Names of the fields that differ between two versions.
         * @description Verb of the policy: read.
         */
        get: operations["diff"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/list/{folder}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One level of a folder, sorted; only entries that may be listed.
         * @description Verb of the policy: list.
         */
        get: operations["list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Read several secrets.
         * @description Verb of the policy: read.
         */
        post: operations["readSecrets"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/watch/{folder}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Changes below a folder as server-sent events: path, version and action; only paths that may be read and listed.
         * @description Verb of the policy: read.
         */
        get: operations["watch"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create many secrets, all or none.
         * @description Verb of the policy: write.
         */
        post: operations["importSecrets"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/enrolments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Invite a person; the answer has a code to be used once.
         * @description Verb of the policy: admin.
         */
        post: operations["createEnrolment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/enrol": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchange an enrolment code for a client certificate.
         * @description Verb of the policy: none.
         */
        post: operations["enrol"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/renew": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Renew the client certificate of the connection with a new key.
         * @description Verb of the policy: identity.
         */
        post: operations["renewCertificate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/identities": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The people that are enrolled or invited.
         * @description Verb of the policy: admin.
         */
        get: operations["listIdentities"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/identities/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke a person's enrolment and certificates.
         * @description Verb of the policy: admin.
         */
        delete: operations["revokeIdentity"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchange a token of a cluster or of an issuer for a token of this server.
         * @description Verb of the policy: none.
         */
        post: operations["login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/token/renew": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Renew the token of the request.
         * @description Verb of the policy: identity.
         */
        post: operations["renewToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/token/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Revoke the token of the request.
         * @description Verb of the policy: identity.
         */
        post: operations["logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All tokens without their text.
         * @description Verb of the policy: admin.
         */
        get: operations["listTokens"];
        put?: never;
        /**
         * Create a token.
         * @description Verb of the policy: admin.
         */
        post: operations["createToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke a token.
         * @description Verb of the policy: admin.
         */
        delete: operations["revokeToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/whoami": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The identity of the request.
         * @description Verb of the policy: identity.
         */
        get: operations["whoami"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/can": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether the policy allows the identity of the request a verb.
         * @description Verb of the policy: identity.
         */
        get: operations["can"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/policy": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The policy.
         * @description Verb of the policy: admin.
         */
        get: operations["getPolicy"];
        /**
         * Replace the policy.
         * @description Verb of the policy: admin.
         */
        put: operations["setPolicy"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The public key of the audit's signatures.
         * @description Verb of the policy: admin.
         */
        get: operations["auditKey"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/head": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The newest line of the audit.
         * @description Verb of the policy: admin.
         */
        get: operations["auditHead"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The state of each part of the server; with reasons if the request has an identity.
         * @description Verb of the policy: none.
         */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/backup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A backup of the store; it is sealed. Refused where no key outside the server would open it.
         * @description Verb of the policy: admin.
         */
        get: operations["backup"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/upkeep": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rewraps, reseals, reindexes or verifies the store, or makes a new authority; over the admin socket alone, with a line of progress a second.
         * @description Verb of the policy: admin.
         */
        post: operations["runUpkeep"];
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
        /** @description A problem document. Codes: path_invalid, request_invalid, unauthenticated, forbidden, not_found, method_not_allowed, exists, claimed, conflict, backup_unopenable, deleted, destroyed, expired, version_mismatch, too_large, media_type, idempotency_mismatch, rate_limited, integrity, internal, kms_unavailable, store_unavailable, issuer_unavailable, audit_unavailable, clock_behind, draining. */
        Problem: {
            /** @description urn:trousseau:problem: and the code. */
            type: string;
            title: string;
            status: number;
            /** @description One sentence that says what to do. */
            detail: string;
            requestId: string;
            /** @description The newest version of the secret. */
            version?: number;
            /** @description The import that claims the path. */
            importId?: string;
        };
        Generator: {
            /** @constant */
            kind: "password";
            /** @default 24 */
            length?: number;
            /**
             * @default {
             *       "lowercase": 1,
             *       "uppercase": 1,
             *       "digits": 1,
             *       "symbols": 1
             *     }
             */
            classes?: {
                lowercase?: number;
                uppercase?: number;
                digits?: number;
                symbols?: number;
            };
            /** @default !*+-.=^_~ */
            symbols?: string;
            /** @default false */
            excludeLookAlikes?: boolean;
        } | {
            /** @constant */
            kind: "passphrase";
            /** @default 6 */
            words?: number;
            /** @default - */
            separator?: string;
            /** @default false */
            capitalize?: boolean;
        } | {
            /** @constant */
            kind: "bytes";
            /** @default 32 */
            size?: number;
            /**
             * @default base64url
             * @enum {string}
             */
            encoding?: "raw" | "hex" | "base64" | "base64url";
        } | {
            /** @constant */
            kind: "uuid";
        } | {
            /** @constant */
            kind: "ed25519";
            /**
             * @default pem
             * @enum {string}
             */
            format?: "pem" | "openssh";
            /** @default  */
            comment?: string;
        } | {
            /** @constant */
            kind: "x25519";
        } | {
            /** @constant */
            kind: "rsa";
            /**
             * @default 3072
             * @enum {number}
             */
            bits?: 2048 | 3072 | 4096;
            /**
             * @default pem
             * @enum {string}
             */
            format?: "pem" | "openssh";
            /** @default  */
            comment?: string;
        };
        ChangeEvent: {
            path: string;
            version: number;
            /** @enum {string} */
            action: "create" | "update" | "patch" | "move" | "delete" | "undelete" | "destroy";
            /** @description For a move, the path before, if it may be listed. */
            from?: string;
        };
        CreateRequest: {
            fields: {
                [key: string]: {
                    /** @constant */
                    kind?: "text";
                    value: string;
                } | {
                    /** @constant */
                    kind: "json";
                    value: unknown;
                } | {
                    /** @constant */
                    kind: "bytes";
                    /**
                     * Format: byte
                     * @description The bytes in base64.
                     */
                    value: string;
                };
            };
            labels?: {
                [key: string]: string;
            };
            /**
             * Format: date-time
             * @description RFC 3339.
             */
            expiresAt?: string;
        };
        DestroyRequest: {
            versions: number[];
        };
        DiffAnswer: {
            added: string[];
            removed: string[];
            changed: string[];
            same: string[];
        };
        GenerateRequest: {
            field: string;
            generator: components["schemas"]["Generator"];
            labels?: {
                [key: string]: string;
            };
            /**
             * Format: date-time
             * @description RFC 3339.
             */
            expiresAt?: string;
        };
        GeneratedAnswer: {
            path: string;
            version: number;
            /** @description 16 hexadecimal digits of a keyed hash of the value. */
            fingerprint: string;
            /** @description Entropy of the value; not in the answer to a repeated request. */
            bits?: number;
        };
        HistoryAnswer: {
            path: string;
            /** @description 32 hexadecimal digits; it stays the same when the secret is moved. */
            id: string;
            labels: {
                [key: string]: string;
            };
            /**
             * Format: date-time
             * @description RFC 3339, UTC.
             */
            expiresAt?: string;
            currentVersion: number;
            keptVersions: number;
            /**
             * Format: date-time
             * @description RFC 3339, UTC.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC.
             */
            updatedAt: string;
            versions: components["schemas"]["VersionAnswer"][];
        };
        ImportAnswer: {
            /** @description Number of secrets that were written; 0 for a dry run. */
            written: number;
            items: {
                path: string;
                version?: number;
                problem?: components["schemas"]["Problem"];
            }[];
        };
        ImportRequest: {
            items: {
                /** @description Path of a secret, for instance db/prod/john. */
                path: string;
                fields: {
                    [key: string]: {
                        /** @constant */
                        kind?: "text";
                        value: string;
                    } | {
                        /** @constant */
                        kind: "json";
                        value: unknown;
                    } | {
                        /** @constant */
                        kind: "bytes";
                        /**
                         * Format: byte
                         * @description The bytes in base64.
                         */
                        value: string;
                    };
                };
                labels?: {
                    [key: string]: string;
                };
                /**
                 * Format: date-time
                 * @description RFC 3339.
                 */
                expiresAt?: string;
            }[];
            dryRun: boolean;
        };
        ListAnswer: {
            entries: {
                /** @description Path of a secret, or of a folder with a slash at its end. */
                path: string;
                version?: number;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC.
                 */
                updatedAt?: string;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC.
                 */
                expiresAt?: string;
                labels?: {
                    [key: string]: string;
                };
            }[];
            /** @description Whether there are entries behind the last one. */
            more: boolean;
        };
        MoveRequest: {
            /** @description Path of a secret, for instance db/prod/john. */
            from: string;
            /** @description Path of a secret, for instance db/prod/john. */
            to: string;
        };
        PatchRequest: {
            fields?: {
                [key: string]: ({
                    /** @constant */
                    kind?: "text";
                    value: string;
                } | {
                    /** @constant */
                    kind: "json";
                    value: unknown;
                } | {
                    /** @constant */
                    kind: "bytes";
                    /**
                     * Format: byte
                     * @description The bytes in base64.
                     */
                    value: string;
                }) | null;
            };
            labels?: {
                [key: string]: string | null;
            };
            expiresAt?: string | null;
            /** @description Number of versions that are kept. */
            keptVersions?: number;
        };
        ReadManyAnswer: {
            secrets: {
                path: string;
                secret?: components["schemas"]["SecretAnswer"];
                problem?: components["schemas"]["Problem"];
            }[];
        };
        ReadManyRequest: {
            paths: string[];
        };
        SecretAnswer: {
            path: string;
            version: number;
            /**
             * Format: date-time
             * @description RFC 3339, UTC.
             */
            createdAt: string;
            labels: {
                [key: string]: string;
            };
            /**
             * Format: date-time
             * @description RFC 3339, UTC.
             */
            expiresAt?: string;
            fields: {
                [key: string]: {
                    /** @enum {string} */
                    kind: "text" | "json" | "bytes";
                    /** @description text: a string. json: the JSON value. bytes: base64. */
                    value: unknown;
                };
            };
        };
        UndeleteRequest: {
            versions?: number[];
        };
        UpdateRequest: {
            fields: {
                [key: string]: {
                    /** @constant */
                    kind?: "text";
                    value: string;
                } | {
                    /** @constant */
                    kind: "json";
                    value: unknown;
                } | {
                    /** @constant */
                    kind: "bytes";
                    /**
                     * Format: byte
                     * @description The bytes in base64.
                     */
                    value: string;
                };
            };
            /**
             * Format: date-time
             * @description RFC 3339.
             */
            expiresAt?: string;
        };
        VersionAnswer: {
            version: number;
            /** @enum {string} */
            state: "live" | "deleted" | "destroying" | "destroyed";
            /**
             * Format: date-time
             * @description RFC 3339, UTC.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC.
             */
            deletedAt?: string;
            fields: {
                name: string;
                /** @enum {string} */
                kind: "text" | "json" | "bytes";
            }[];
            generated: boolean;
            fingerprint?: string;
        };
        WrittenAnswer: {
            path: string;
            version: number;
        };
        CanAnswer: {
            allowed: boolean;
        };
        CertificateAnswer: {
            /** @description PEM. */
            certificate: string;
            /** @description PEM of the authorities of the server, to be trusted from now on; left out where they are the operator's. */
            ca?: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC.
             */
            notAfter: string;
        };
        EnrolRequest: {
            /** @description The enrolment code, with or without its hyphens. */
            code: string;
            /**
             * Format: byte
             * @description The public key of the client, a SubjectPublicKeyInfo in DER.
             */
            publicKey: string;
        };
        EnrolmentAnswer: {
            id: string;
            /** @description To be used once, within ten minutes. */
            code: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC.
             */
            expiresAt: string;
        };
        EnrolmentRequest: {
            /** @description Name of the person, for the audit. */
            name: string;
            roles: string[];
        };
        IdentitiesAnswer: {
            identities: {
                /** @description 32 hexadecimal digits. */
                id: string;
                name: string;
                roles: string[];
                /**
                 * @description pending: the code was not used yet. ended: it has expired, or was made before a restore.
                 * @enum {string}
                 */
                state: "pending" | "active" | "ended" | "revoked";
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC.
                 */
                createdAt: string;
                createdBy: string;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC.
                 */
                enrolledAt?: string;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC.
                 */
                endsAt?: string;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC.
                 */
                certificateUntil?: string;
            }[];
        };
        LoginAnswer: {
            token: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC.
             */
            expiresAt: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC.
             */
            renewableUntil?: string;
            /** @description PEM of the authorities of the server, to be trusted from now on; left out where they are the operator's. */
            ca?: string;
        };
        LoginRequest: {
            /** @enum {string} */
            method: "kubernetes" | "oidc";
            /** @description Name of the configured cluster or issuer; needed if there are several. */
            issuer?: string;
            /** @description Name of the role of the policy. */
            role: string;
            /** @description The token of the ServiceAccount or of the CI system. */
            jwt: string;
        };
        PolicyAnswer: {
            text: string;
            version: number;
        };
        PolicyRequest: {
            /** @description The policy in YAML or JSON. */
            text: string;
        };
        PolicySetAnswer: {
            version: number;
        };
        RenewRequest: {
            /**
             * Format: byte
             * @description The new public key of the client, a SubjectPublicKeyInfo in DER.
             */
            publicKey: string;
        };
        RenewedAnswer: {
            /**
             * Format: date-time
             * @description RFC 3339, UTC.
             */
            expiresAt: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC.
             */
            renewableUntil?: string;
            /** @description PEM of the authorities of the server, to be trusted from now on; left out where they are the operator's. */
            ca?: string;
        };
        TokenAnswer: {
            token: string;
            id: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC.
             */
            expiresAt: string;
        };
        TokenRequest: {
            /** @description Name of the role of the policy. */
            role: string;
            /** @description Lifetime in seconds, from a minute to 90 days. */
            ttl: number;
            /** @description Name of the token, for the audit. */
            name: string;
        };
        TokensAnswer: {
            tokens: {
                /** @description 32 hexadecimal digits. */
                id: string;
                /** @description Name in the audit. */
                identity: string;
                role: string;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC.
                 */
                createdAt: string;
                createdBy: string;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC.
                 */
                expiresAt: string;
                /** @enum {string} */
                state: "active" | "expired" | "revoked";
            }[];
        };
        WhoamiAnswer: {
            /** @enum {string} */
            kind: "local-admin" | "person" | "socket" | "kubernetes" | "oidc" | "token";
            name: string;
            id: string;
            roles: string[];
            /**
             * Format: date-time
             * @description RFC 3339, UTC.
             */
            expiresAt?: string;
        };
        AuditHeadAnswer: {
            /** @description Number of lines. */
            lines: number;
            /** @description SHA-256 of the chain, hexadecimal. */
            hash: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC.
             */
            at: string;
        };
        AuditKeyAnswer: {
            serverId: string;
            /** @description Ed25519, SubjectPublicKeyInfo, PEM. */
            publicKey: string;
        };
        HealthAnswer: {
            /**
             * @description The worst state of all parts.
             * @enum {string}
             */
            state: "ok" | "degraded" | "failed";
            parts: {
                /** @description store, certificate, clock, backup, audit, or kms: and the name of a provider. */
                name: string;
                /** @enum {string} */
                state: "ok" | "degraded" | "failed";
                /** @description A sentence, for requests with an identity. */
                reason?: string;
            }[];
        };
        UpkeepRequest: {
            /**
             * @description The work.
             * @enum {string}
             */
            job: "rewrap" | "reseal" | "reindex" | "verify" | "rotate-authority";
            /** @description Names of the providers that the server must have, else it refuses: for rewrap. */
            providers?: string[];
        };
    };
    responses: {
        /** @description A problem (RFC 9457). path_invalid: 400, request_invalid: 400, unauthenticated: 401, forbidden: 403, not_found: 404, method_not_allowed: 405, exists: 409, claimed: 409, conflict: 409, backup_unopenable: 409, deleted: 410, destroyed: 410, expired: 410, version_mismatch: 412, too_large: 413, media_type: 415, idempotency_mismatch: 422, rate_limited: 429, integrity: 500, internal: 500, kms_unavailable: 503, store_unavailable: 503, issuer_unavailable: 503, audit_unavailable: 503, clock_behind: 503, draining: 503. */
        Problem: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    readSecret: {
        parameters: {
            query?: {
                version?: string;
                field?: string;
            };
            header?: never;
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Read a secret. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SecretAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    updateSecret: {
        parameters: {
            query?: never;
            header?: {
                /** @description The version that must be the current one, in quotes, such as "3". */
                "If-Match"?: string;
                /** @description A new text for each write; a repeated request is done once. */
                "Idempotency-Key"?: string;
            };
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateRequest"];
            };
        };
        responses: {
            /** @description Replace all fields of a secret by a new version. */
            200: {
                headers: {
                    /** @description The version in quotes. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WrittenAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    createSecret: {
        parameters: {
            query?: never;
            header?: {
                /** @description The version that must be the current one, in quotes, such as "3". */
                "If-Match"?: string;
                /** @description A new text for each write; a repeated request is done once. */
                "Idempotency-Key"?: string;
            };
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateRequest"];
            };
        };
        responses: {
            /** @description Create a secret. With If-Match, write anew a secret that was deleted. */
            201: {
                headers: {
                    /** @description The version in quotes. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WrittenAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    deleteSecret: {
        parameters: {
            query?: {
                versions?: string;
            };
            header?: {
                /** @description The version that must be the current one, in quotes, such as "3". */
                "If-Match"?: string;
                /** @description A new text for each write; a repeated request is done once. */
                "Idempotency-Key"?: string;
            };
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Delete versions, or the whole secret, so that it can be undeleted. */
            200: {
                headers: {
                    /** @description The version in quotes. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WrittenAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    patchSecret: {
        parameters: {
            query?: never;
            header?: {
                /** @description The version that must be the current one, in quotes, such as "3". */
                "If-Match"?: string;
                /** @description A new text for each write; a repeated request is done once. */
                "Idempotency-Key"?: string;
            };
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchRequest"];
            };
        };
        responses: {
            /** @description Change fields, labels, expiry or the number of kept versions. */
            200: {
                headers: {
                    /** @description The version in quotes. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WrittenAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    generateSecret: {
        parameters: {
            query?: never;
            header?: {
                /** @description The version that must be the current one, in quotes, such as "3". */
                "If-Match"?: string;
                /** @description A new text for each write; a repeated request is done once. */
                "Idempotency-Key"?: string;
            };
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GenerateRequest"];
            };
        };
        responses: {
            /** @description Generate a value that is not shown. With If-Match, as a new version, in which the other fields keep their values. */
            201: {
                headers: {
                    /** @description The version in quotes. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GeneratedAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    undeleteSecret: {
        parameters: {
            query?: never;
            header?: {
                /** @description The version that must be the current one, in quotes, such as "3". */
                "If-Match"?: string;
                /** @description A new text for each write; a repeated request is done once. */
                "Idempotency-Key"?: string;
            };
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UndeleteRequest"];
            };
        };
        responses: {
            /** @description Take back a deletion. */
            200: {
                headers: {
                    /** @description The version in quotes. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WrittenAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    destroyVersions: {
        parameters: {
            query?: never;
            header?: {
                /** @description The version that must be the current one, in quotes, such as "3". */
                "If-Match"?: string;
                /** @description A new text for each write; a repeated request is done once. */
                "Idempotency-Key"?: string;
            };
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DestroyRequest"];
            };
        };
        responses: {
            /** @description Destroy versions for good. */
            200: {
                headers: {
                    /** @description The version in quotes. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WrittenAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    moveSecret: {
        parameters: {
            query?: never;
            header?: {
                /** @description The version that must be the current one, in quotes, such as "3". */
                "If-Match"?: string;
                /** @description A new text for each write; a repeated request is done once. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MoveRequest"];
            };
        };
        responses: {
            /** @description Move a secret with its history. It needs read and write at both ends. */
            200: {
                headers: {
                    /** @description The version in quotes. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WrittenAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    history: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All versions of a secret without their values. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    diff: {
        parameters: {
            query: {
                from: string;
                to: string;
            };
            header?: never;
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Names of the fields that differ between two versions. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DiffAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    list: {
        parameters: {
            query?: {
                after?: string;
                limit?: string;
            };
            header?: never;
            path: {
                folder: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One level of a folder, sorted; only entries that may be listed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    readSecrets: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReadManyRequest"];
            };
        };
        responses: {
            /** @description Read several secrets. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReadManyAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    watch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                folder: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Changes below a folder as server-sent events: path, version and action; only paths that may be read and listed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    importSecrets: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ImportRequest"];
            };
        };
        responses: {
            /** @description Create many secrets, all or none. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImportAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    createEnrolment: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EnrolmentRequest"];
            };
        };
        responses: {
            /** @description Invite a person; the answer has a code to be used once. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrolmentAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    enrol: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EnrolRequest"];
            };
        };
        responses: {
            /** @description Exchange an enrolment code for a client certificate. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CertificateAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    renewCertificate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RenewRequest"];
            };
        };
        responses: {
            /** @description Renew the client certificate of the connection with a new key. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CertificateAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    listIdentities: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The people that are enrolled or invited. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IdentitiesAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    revokeIdentity: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoke a person's enrolment and certificates. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Problem"];
        };
    };
    login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LoginRequest"];
            };
        };
        responses: {
            /** @description Exchange a token of a cluster or of an issuer for a token of this server. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LoginAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    renewToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Renew the token of the request. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RenewedAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoke the token of the request. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Problem"];
        };
    };
    listTokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All tokens without their text. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokensAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    createToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TokenRequest"];
            };
        };
        responses: {
            /** @description Create a token. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    revokeToken: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoke a token. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Problem"];
        };
    };
    whoami: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The identity of the request. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WhoamiAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    can: {
        parameters: {
            query: {
                verb: "list" | "read" | "write" | "generate" | "destroy" | "handle" | "project" | "admin";
                path: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Whether the policy allows the identity of the request a verb. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CanAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    getPolicy: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The policy. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    setPolicy: {
        parameters: {
            query?: never;
            header?: {
                /** @description The version that must be the current one, in quotes, such as "3". */
                "If-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PolicyRequest"];
            };
        };
        responses: {
            /** @description Replace the policy. */
            200: {
                headers: {
                    /** @description The version in quotes. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicySetAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    auditKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The public key of the audit's signatures. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditKeyAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    auditHead: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The newest line of the audit. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditHeadAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The state of each part of the server; with reasons if the request has an identity. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HealthAnswer"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    backup: {
        parameters: {
            query?: {
                keyFile?: "kept-elsewhere";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A backup of the store; it is sealed. Refused where no key outside the server would open it. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": unknown;
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    runUpkeep: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpkeepRequest"];
            };
        };
        responses: {
            /** @description Rewraps, reseals, reindexes or verifies the store, or makes a new authority; over the admin socket alone, with a line of progress a second. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                };
            };
            default: components["responses"]["Problem"];
        };
    };
}
