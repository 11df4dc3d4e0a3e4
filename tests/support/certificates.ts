/**
 * Certificates for tests, made in this process: X.509 version 3 on P-256, valid from a day ago.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** A certificate and its key, as PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/** The subject of a certificate, and its validity. */
export interface Subject {
  readonly commonName: string;
  /** The organisation, which is a group for kube-apiserver. */
  readonly organisation?: string;
  /** DNS names and IPv4 addresses. */
  readonly names?: readonly string[];
  /** Days until it expires; negative for an expired certificate. */
  readonly days?: number;
  /** Days until it is valid; if left out, it is valid since a day ago, or since the day before it expired. */
  readonly from?: number;
  /** The extended key usages; both if left out. */
  readonly usages?: readonly ("server" | "client")[];
  /** Whether the key is an RSA key of 2,048 bits; otherwise it is on P-256. */
  readonly rsa?: boolean;
}

/** A certificate authority of one test. */
export class Authority {
  readonly #name: Buffer;
  readonly #key: KeyObject;
  /** Its own certificate, PEM. */
  readonly certificate: string;

  constructor(commonName = "Test authority") {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#key = privateKey;
    this.#name = name(commonName);
    const ca = extension([2, 5, 29, 19], true, sequence(bool(true)));
    this.certificate = this.#certify(this.#name, publicKey, 365, [ca]);
  }

  /** A certificate for a server or a client. */
  issue(subject: Subject): Pair {
    const { privateKey, publicKey } = subject.rsa === true
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
    return {
      certificate: this.#issued(subject, publicKey),
      key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    };
  }

  /** A certificate for a public key of another party. @param spki SubjectPublicKeyInfo in DER. */
  certify(subject: Subject, spki: Uint8Array): string {
    return this.#issued(subject, createPublicKey({ key: Buffer.from(spki), type: "spki", format: "der" }));
  }

  #issued(subject: Subject, publicKey: KeyObject): string {
    const purposes = subject.usages ?? ["server", "client"];
    const usages = purposes.map((one) => oid([1, 3, 6, 1, 5, 5, 7, 3, one === "server" ? 1 : 2]));
    const usage = extension([2, 5, 29, 37], false, sequence(...usages));
    const names = (subject.names ?? []).map((one) =>
      /^[\d.]+$/.test(one) ? tagged(0x87, Buffer.from(one.split(".").map(Number))) : tagged(0x82, Buffer.from(one))
    );
    const extensions = names.length === 0 ? [usage] : [usage, extension([2, 5, 29, 17], false, sequence(...names))];
    return this.#certify(
      name(subject.commonName, subject.organisation),
      publicKey,
      subject.days ?? 30,
      extensions,
      subject.from,
    );
  }

  #certify(
    subject: Buffer,
    publicKey: KeyObject,
    days: number,
    extensions: readonly Buffer[],
    from = Math.min(-1, days - 1),
  ): string {
    const algorithm = sequence(oid([1, 2, 840, 10045, 4, 3, 2]));
    const body = sequence(
      tagged(0xa0, integer(Buffer.of(2))),
      integer(Buffer.concat([Buffer.of(1), randomBytes(15)])),
      algorithm,
      this.#name,
      sequence(time(from), time(days)),
      subject,
      publicKey.export({ type: "spki", format: "der" }),
      tagged(0xa3, sequence(...extensions)),
    );
    const signature = sign("sha256", body, createPrivateKey(this.#key.export({ type: "pkcs8", format: "pem" })));
    const der = sequence(body, algorithm, tagged(0x03, Buffer.concat([Buffer.of(0), signature])));
    const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
    return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
  }
}

/** A certificate on an RSA key of 2,048 bits, signed by its own authority. */
export function rsaPair(commonName: string): Pair {
  return new Authority().issue({ commonName, rsa: true });
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function integer(bytes: Buffer): Buffer {
  return tagged(0x02, bytes);
}

function bool(value: boolean): Buffer {
  return tagged(0x01, Buffer.of(value ? 255 : 0));
}

function oid([first = 0, second = 0, ...rest]: readonly number[]): Buffer {
  const bytes = rest.flatMap((arc) => {
    const digits = [arc & 127];
    for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift((left & 127) | 128);
    return digits;
  });
  return tagged(0x06, Buffer.of(first * 40 + second, ...bytes));
}

function name(commonName: string, organisation?: string): Buffer {
  const part = (type: number, text: string) =>
    tagged(0x31, sequence(oid([2, 5, 4, type]), tagged(0x0c, Buffer.from(text))));
  return sequence(...(organisation === undefined ? [] : [part(10, organisation)]), part(3, commonName));
}

function time(days: number): Buffer {
  const text = new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, "");
  return tagged(0x18, Buffer.from(text));
}

function extension(id: readonly number[], critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [bool(true)] : []), tagged(0x04, value));
}
