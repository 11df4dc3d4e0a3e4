/**
 * The ways to log in to Vault, one row each.
 *
 * @module
 */
import { Secret, type SecretSource } from "../../secret.ts";
import { field } from "../https/fields.ts";
import { readForLogin } from "../https/logins.ts";
import { unacceptable } from "../https/refusals.ts";
import type { Grant } from "../https/session.ts";
import { loginRefusal } from "./answers.ts";
import type { VaultAnswer, VaultRequest } from "./http.ts";
import type { VaultAuth } from "./settings.ts";

/** Sends one request of a login; the action is for messages. */
export interface LoginCall {
  readonly ask: (request: VaultRequest) => Promise<VaultAnswer>;
  readonly action: string;
  /** Logs in with a credential unless it was refused lately: see `refused_logins.ts`. */
  readonly attempt: (credential: readonly string[], login: () => Promise<Grant>) => Promise<Grant>;
}

/** One method with its settings. What it must remember between logins, it holds. */
export interface Authenticator {
  /**
   * Logs in, reading all secrets anew.
   *
   * @throws {KmsError} `unauthenticated` if Vault refuses or a secret cannot be read, else as `VaultClient.request`.
   */
  login(call: LoginCall): Promise<Grant>;
  /** Where the token itself is what the operator gives: its source, watched between logins. */
  readonly tokenSource?: SecretSource;
}

type Settings<Method extends VaultAuth["method"]> = Extract<VaultAuth, { readonly method: Method }>;

const methods = {
  token: (auth) => ({
    tokenSource: auth.token,
    login: async (call) => {
      const token = await readForLogin(auth.token, call.action);
      const answer = await call.ask({ method: "GET", path: "auth/token/lookup-self", token });
      if (answer.status !== 200) {
        throw loginRefusal(answer, call.action, `it refuses the token in ${auth.token.description}`);
      }
      const data = field(answer.body, "data");
      // `ttl` counts whole seconds, so that 0 may also be a token in its last one; only the missing date means never.
      const ttl = field(data, "ttl");
      const ttlMs = field(data, "expire_time") === undefined ? undefined : lifetime(ttl, call.action) ?? 500;
      return granted(token, ttlMs, field(data, "renewable") === true, call);
    },
  }),
  approle: (auth) => {
    const secretId = auth.wrapped
      ? unwrapping(auth.secretId)
      : (call: LoginCall) => readForLogin(auth.secretId, call.action);
    return {
      login: async (call) => {
        const role_id = (await readForLogin(auth.roleId, call.action)).reveal();
        const secret_id = (await secretId(call)).reveal();
        const hint = "it refuses the role ID or the secret ID";
        const login = () => post(call, auth.mount, "", { role_id, secret_id }, hint, true);
        return await call.attempt(["approle", auth.mount, role_id, secret_id], login);
      },
    };
  },
  kubernetes: (auth) => ({ login: (call) => postJwt(call, auth) }),
  jwt: (auth) => ({ login: (call) => postJwt(call, auth) }),
  cert: (auth) => ({
    login: (call) =>
      post(
        call,
        auth.mount,
        "",
        auth.role === undefined ? {} : { name: auth.role },
        "it refuses the client certificate",
      ),
  }),
  userpass: (auth) => ({
    login: async (call) => {
      const password = (await readForLogin(auth.password, call.action)).reveal();
      const rest = `/${encodeURIComponent(auth.username)}`;
      const login = () => post(call, auth.mount, rest, { password }, "it refuses the user name or the password", true);
      return await call.attempt(["userpass", auth.mount, auth.username, password], login);
    },
  }),
} as const satisfies { readonly [Method in VaultAuth["method"]]: (auth: Settings<Method>) => Authenticator };

/** The authenticator of a configured method. */
export function authenticator(auth: VaultAuth): Authenticator {
  const make = methods[auth.method] as (auth: VaultAuth) => Authenticator;
  return make(auth);
}

/** A mount or key as a path: each segment encoded, its slashes kept. */
export function encodedPath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

async function postJwt(call: LoginCall, auth: Settings<"jwt"> | Settings<"kubernetes">): Promise<Grant> {
  const jwt = (await readForLogin(auth.jwt, call.action)).reveal();
  return await post(call, auth.mount, "", { role: auth.role, jwt }, "it refuses the role or the JWT");
}

async function post(
  call: LoginCall,
  mount: string,
  rest: string,
  body: unknown,
  hint: string,
  locks = false,
): Promise<Grant> {
  const path = `auth/${encodedPath(mount)}/login${rest}`;
  const answer = await call.ask({ method: "POST", path, body, once: true });
  if (answer.status !== 200) throw loginRefusal(answer, call.action, hint, locks);
  const auth = field(answer.body, "auth");
  const token = field(auth, "client_token");
  if (typeof token !== "string") throw unacceptable(call.action, "Vault's answer holds no token");
  const ttlMs = lifetime(field(auth, "lease_duration"), call.action);
  return granted(new Secret(token), ttlMs, field(auth, "renewable") === true, call);
}

function granted(token: Secret, ttlMs: number | undefined, renewable: boolean, call: LoginCall): Grant {
  // A header can carry no more than visible ASCII; a login that wants a second factor gives an empty token.
  if (!/^[\x21-\x7e]{1,65536}$/.test(token.reveal())) throw unacceptable(call.action, "the token is not one");
  return { token, ttlMs, renewable };
}

/** Seconds as Vault gives them, in milliseconds; 0 is a token that never expires. */
export function lifetime(ttl: unknown, action: string): number | undefined {
  if (typeof ttl !== "number" || !Number.isSafeInteger(ttl) || ttl < 0) {
    throw unacceptable(action, "Vault's answer holds no lifetime of the token");
  }
  return ttl === 0 ? undefined : ttl * 1000;
}

/**
 * A secret ID behind a wrapping token, which opens once (Vault, "Response wrapping"). What it gave serves for all later
 * logins, until the operator puts another wrapping token in its place.
 */
function unwrapping(source: SecretSource): (call: LoginCall) => Promise<Secret> {
  let opened: { readonly by: Secret; readonly secretId: Secret } | undefined;
  return async (call) => {
    const by = await readForLogin(source, call.action).catch((error) => {
      if (opened === undefined) throw error;
      return opened.by;
    });
    if (opened?.by.equals(by)) return opened.secretId;
    const answer = await call.ask({ method: "POST", path: "sys/wrapping/unwrap", token: by, once: true });
    if (answer.status !== 200) {
      const hint = `the wrapping token in ${source.description} was used already, or has expired`;
      throw loginRefusal(answer, call.action, hint);
    }
    const secretId = field(field(answer.body, "data"), "secret_id");
    if (typeof secretId !== "string") throw unacceptable(call.action, "the wrapping token holds no secret ID");
    opened = { by, secretId: new Secret(secretId) };
    return opened.secretId;
  };
}
