import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { constants, createPrivateKey, createPublicKey, verify } from "node:crypto";
import { rsaPair } from "../../../tests/support/certificates.ts";
import { privateKeyPem, signedJwt } from "./jwt.ts";

const { certificate, key: pem } = rsaPair("jwt");
const key = createPrivateKey(pem);

for (const alg of ["PS256", "RS256"] as const) {
  Deno.test(`signedJwt() signs with ${alg} so that other implementations verify it`, () => {
    const jwt = signedJwt(alg, { kid: "1" }, { iss: "é" }, key);
    const [header = "", claims = "", signature = ""] = jwt.split(".");
    const read = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());
    assert.deepEqual([read(header), read(claims)], [{ alg, typ: "JWT", kid: "1" }, { iss: "é" }]);
    const padding = alg === "PS256"
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
      : { padding: constants.RSA_PKCS1_PADDING };
    const sound = (text: string) =>
      verify(
        "sha256",
        Buffer.from(text),
        { key: createPublicKey(pem), ...padding },
        Buffer.from(signature, "base64url"),
      );
    assert.ok(sound(`${header}.${claims}`));
    assert.ok(!sound(`${header}.${claims}x`));
    assert.match(jwt, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  });
}

Deno.test("privateKeyPem() finds the key beside certificates, and is empty without one", () => {
  assert.equal(privateKeyPem(`${certificate}${pem}`), pem.trim());
  assert.equal(privateKeyPem(certificate), "");
});
