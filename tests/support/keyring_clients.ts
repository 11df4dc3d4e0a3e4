/**
 * A keyring that serves over TLS, and the certificates of people for clients that read PEM files.
 *
 * @module
 */
import { generateKeyPairSync } from "node:crypto";
import { base64 } from "../../lib/base/bytes.ts";
import { systemClock } from "../../lib/base/clock.ts";
import { openTlsListener } from "../../lib/services/keyring/http/tls_listener.ts";
import type { TestKeyring } from "./keyring_api.ts";

/** A listener, and the authority of its certificate in PEM. */
export interface TlsPlace extends AsyncDisposable {
  readonly address: string;
  readonly ca: string;
}

/** A listener on a free port of this machine, with a certificate for `localhost`. */
export async function listenOverTls(keyring: TestKeyring): Promise<TlsPlace> {
  const { key, chain } = await keyring.authority.serverCertificate(["localhost"], keyring.store.signal);
  const place = { host: "127.0.0.1", port: 0 };
  const listener = await openTlsListener({ ...place, key, chain, answer: keyring.answer, clock: systemClock });
  return {
    address: `https://localhost:${listener.port}`,
    ca: chain.slice(chain.lastIndexOf("-----BEGIN")),
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

/** The certificate of a person, her private key and the authority of the keyring, each in PEM. */
export interface PersonFiles {
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
}

/** Enrols a person. */
export async function enrolPerson(keyring: TestKeyring, name: string): Promise<PersonFiles> {
  const invited = await keyring.expect(201, "POST", "/api/v1/enrolments", { body: { name, roles: [] } });
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
  const body = { code: invited.body.code, publicKey: base64(spki) };
  const { certificate, ca } = (await keyring.expect(201, "POST", "/api/v1/enrol", { body })).body;
  return { certificate, ca, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

/** Writes the files of a person, and returns the variables that name them to Vault's clients. */
export async function vaultVariables(
  { certificate, key, ca }: PersonFiles,
  folder: string,
): Promise<Record<string, string>> {
  const files = {
    VAULT_CACERT: ["ca.pem", ca],
    VAULT_CLIENT_CERT: ["client.pem", certificate],
    VAULT_CLIENT_KEY: ["client.key", key],
  } as const;
  const variables: Record<string, string> = {};
  for (const [variable, [file, text]] of Object.entries(files)) {
    variables[variable] = `${folder}/${file}`;
    await Deno.writeTextFile(`${folder}/${file}`, text);
  }
  return variables;
}
