/**
 * The methods to log in to Vault, one row each.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import type { Notify } from "../../telemetry/events.ts";
import { Secret, type SecretSource } from "../../base/secret.ts";
import { field } from "../../net/https/fields.ts";
import { RefusedLogin } from "../../net/https/login_holds.ts";
import { readForLogin } from "../../net/https/logins.ts";
import { unacceptable } from "../../net/https/refusals.ts";
import type { Grant } from "../../net/https/session.ts";
import type { ProviderContext } from "../provider.ts";
import { deniesWithoutCause, vaultLoginRefusal } from "./errors.ts";
import { granted, lifetime, type LoginCall, type VaultAuthenticator } from "./login.ts";
import { OpenedTokens } from "./opened_tokens.ts";
import type { MaybeWrapped, VaultAuth } from "./settings.ts";
import { grantOfToken, refuseWrappingToken } from "./token_login.ts";
import { type WrappedKind, WrappedSecret, wrappedSecretId, wrappedToken } from "./wrapping.ts";

/** Dependencies of an {@linkcode VaultAuthenticator}. */
export interface AuthContext extends Pick<ProviderContext, "stateFolder" | "keepsStateAsItIs" | "clock"> {
  readonly provider: string;
  readonly namespace: string | undefined;
  readonly notify: Notify;
}

type Settings<Method extends VaultAuth["method"]> = Extract<VaultAuth, { readonly method: Method }>;

/** A login that is one request, and the ways in which Vault can refuse it. */
interface Login {
  readonly mount: string;
  /** The end of the login's path, after `login`. */
  readonly rest?: string;
  /**
   * Path after `login` for {@linkcode isMounted}. It names a nonexistent account, because the configured one may be
   * locked.
   */
  readonly nobody?: string;
  readonly body: unknown;
  readonly hint: string;
  readonly locks?: boolean;
}

const methods = {
  token: (auth, context) => auth.wrapped === true ? wrappedTokenLogin(auth, context) : tokenLogin(auth, context),
  approle: (auth, context) => appRoleLogin(auth, context),
  kubernetes: (auth) => ({ login: (call) => postJwt(call, auth) }),
  jwt: (auth) => ({ login: (call) => postJwt(call, auth) }),
  cert: ({ mount, role }) => ({
    login: (call) => {
      const body = role === undefined ? {} : { name: role };
      return post(call, { mount, body, hint: "it refuses the client certificate" });
    },
  }),
  userpass: ({ mount, username, password }) => ({
    login: async (call) => {
      const body = { password: (await readForLogin(password, call.action)).reveal() };
      const rest = `/${encodeURIComponent(username)}`;
      const hint = "it refuses the user name or the password";
      const login = () => post(call, { mount, rest, nobody: "/trousseau-no-such-user", body, hint, locks: true });
      return await call.attempt(["userpass", mount, username, body.password], login);
    },
  }),
} as const satisfies {
  readonly [Method in VaultAuth["method"]]: (auth: Settings<Method>, context: AuthContext) => VaultAuthenticator;
};

/** The authenticator of a configured method. */
export function authenticator(auth: VaultAuth, context: AuthContext): VaultAuthenticator {
  const make = methods[auth.method] as (auth: VaultAuth, context: AuthContext) => VaultAuthenticator;
  return make(auth, context);
}

/** A mount or key as a path: each segment encoded, its slashes kept. */
export function encodedPath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

function tokenLogin({ token: source }: Settings<"token">, context: AuthContext): VaultAuthenticator {
  const hidden = new HiddenLifetime(source, context);
  let plain: Secret | undefined;
  return {
    tokenSource: source,
    remarks: () => hidden.remarks(),
    login: async (call) => {
      const token = await readForLogin(source, call.action);
      if (!token.equals(plain)) await refuseWrappingToken(token, source.description, call, "token");
      plain = token;
      const hint = `it refuses the token in ${source.description}`;
      return await grantOfToken({ token, hint, hidden: () => hidden.note() }, call);
    },
  };
}

function wrappedTokenLogin(auth: Settings<"token">, context: AuthContext): VaultAuthenticator {
  const wrapped = wrappedSecret(auth.token, auth, wrappedToken, "token", context);
  const hidden = new HiddenLifetime(auth.token, context);
  let current: Secret | undefined;
  return {
    tokenSource: wrapped.watched(() => current),
    remarks: () => hidden.remarks(),
    login: async (call) => {
      const token = await wrapped.read(call);
      const hint = `it refuses the token that was wrapped in ${auth.token.description}, which has expired or was ` +
        "revoked: put a new wrapping token there";
      const given = { token, hint, hidden: () => hidden.note(), refused: () => wrapped.refused() };
      const grant = await grantOfToken(given, call);
      current = grant.token;
      return grant;
    },
  };
}

function appRoleLogin(auth: Settings<"approle">, context: AuthContext): VaultAuthenticator {
  const { mount, roleId, secretId } = auth;
  const wrapped = secretId === undefined || auth.wrapped !== true
    ? undefined
    : wrappedSecret(secretId, auth, wrappedSecretId(mount), mount, context);
  let current: Secret | undefined;
  const secret = async (call: LoginCall) =>
    wrapped !== undefined ? await wrapped.read(call) : await plainSecretId(secretId, call);
  return {
    ...(wrapped === undefined ? {} : { tokenSource: wrapped.watched(() => current) }),
    login: async (call) => {
      const role_id = (await readForLogin(roleId, call.action)).reveal();
      const secret_id = (await secret(call))?.reveal();
      const body = secret_id === undefined ? { role_id } : { role_id, secret_id };
      const login = async () => {
        try {
          return await post(call, { mount, nobody: "?role_id=-", body, hint: appRoleHint(auth), locks: true });
        } catch (thrown) {
          // Vault does not check the secret ID of a locked role, so it has not refused this one.
          if (thrown instanceof RefusedLogin && thrown.hold === "vaultCounted") await wrapped?.refused();
          throw thrown;
        }
      };
      const grant = await call.attempt(["approle", mount, role_id, secret_id ?? ""], login);
      current = grant.token;
      return grant;
    },
  };
}

function appRoleHint({ secretId, wrapped }: Settings<"approle">): string {
  if (secretId === undefined) return "it refuses the role ID";
  return wrapped === true
    ? `it refuses the role ID, or the secret ID that was wrapped in ${secretId.description}`
    : "it refuses the role ID or the secret ID";
}

/** The form of Vault's tokens. A secret ID has a different form unless an operator chose it. */
const tokenForm = /^(hvs\.|s\.|eyJ)/;

async function plainSecretId(source: SecretSource | undefined, call: LoginCall): Promise<Secret | undefined> {
  if (source === undefined) return undefined;
  const secretId = await readForLogin(source, call.action);
  // Vault would count a token that is sent as a secret ID as a refused login.
  if (tokenForm.test(secretId.reveal())) {
    await refuseWrappingToken(secretId, source.description, call, "secret ID");
  }
  return secretId;
}

function wrappedSecret(
  source: SecretSource,
  { keepUnwrapped = false }: MaybeWrapped,
  kind: WrappedKind,
  mount: string,
  { provider, namespace, notify, stateFolder, keepsStateAsItIs, clock = systemClock }: AuthContext,
): WrappedSecret {
  const scope = [namespace ?? "", kind.content, mount, source.description];
  const tokens = new OpenedTokens({ provider, notify, stateFolder, keepsStateAsItIs, scope, clock });
  const spare = keepsStateAsItIs === true;
  return new WrappedSecret({ source, kind, namespace, tokens, keep: keepUnwrapped, spare, clock });
}

/** Warns once that the lifetime of a token cannot be determined. */
class HiddenLifetime {
  readonly #sentence: string;
  readonly #warn: (message: string) => void;
  #found = false;

  constructor({ description }: SecretSource, { provider, notify }: AuthContext) {
    this.#sentence =
      `The token in ${description} may not look itself up, so that its lifetime is known from renewals ` +
      "alone, or not at all: let its policy read auth/token/lookup-self, as deploy/policies/vault.hcl does.";
    this.#warn = (message) =>
      notify({ type: "lifecycle", action: "warning", message: `Provider "${provider}": ${message}` });
  }

  note(): void {
    if (this.#found) return;
    this.#found = true;
    this.#warn(this.#sentence);
  }

  remarks(): readonly string[] {
    return this.#found ? [this.#sentence] : [];
  }
}

async function postJwt(call: LoginCall, auth: Settings<"jwt"> | Settings<"kubernetes">): Promise<Grant> {
  const { mount, role } = auth;
  const jwt = (await readForLogin(auth.jwt, call.action)).reveal();
  return await post(call, { mount, body: { role, jwt }, hint: "it refuses the role or the JWT" });
}

async function post(call: LoginCall, login: Login): Promise<Grant> {
  const { mount, rest = "", body, hint, locks = false } = login;
  const path = `auth/${encodedPath(mount)}/login${rest}`;
  const answer = await call.ask({ method: "POST", path, body, once: true });
  if (answer.status !== 200) {
    const place = { path, hint: `${hint} at ${path}`, locks };
    const found = deniesWithoutCause(answer) ? await isMounted(call, login) : "unknown";
    throw vaultLoginRefusal(answer, call.action, { ...place, mount: found });
  }
  const auth = field(answer.body, "auth");
  const token = field(auth, "client_token");
  if (typeof token !== "string") throw unacceptable(call.action, "Vault's answer holds no token");
  const ttlMs = lifetime(field(auth, "lease_duration"), call.action);
  return { ...granted(new Secret(token), ttlMs, field(auth, "renewable") === true, call.action), uses: usesOf(auth) };
}

/** Number of requests for which the token is valid (`token_num_uses`); 0 is unlimited. */
function usesOf(auth: unknown): number | undefined {
  const uses = field(auth, "num_uses");
  return typeof uses === "number" && Number.isSafeInteger(uses) && uses > 0 ? uses : undefined;
}

/**
 * Whether an auth method of this kind is mounted at the path. Vault answers a GET of the login path without a token
 * with 405 if the path accepts logins, and with 403 otherwise. Such a request does not count as a login.
 */
async function isMounted(call: LoginCall, { mount, nobody = "" }: Login): Promise<"there" | "absent" | "unknown"> {
  const { status } = await call.ask({ method: "GET", path: `auth/${encodedPath(mount)}/login${nobody}` });
  if (status === 403 || status === 404) return "absent";
  return status === 405 || status === 400 ? "there" : "unknown";
}
