import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import fc from "fast-check";
import { enrolmentSecret, newEnrolmentCode } from "./enrolment_code.ts";

const secret = fc.uint8Array({ minLength: 16, maxLength: 16 });

Deno.test("newEnrolmentCode() is seven groups of four characters, another one each time", () => {
  const code = newEnrolmentCode();
  match(code, /^([0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}$/);
  notEqual(code, newEnrolmentCode());
});

Deno.test("enrolmentSecret() gives back the bits of a code, in any case and grouping", () => {
  fc.assert(fc.property(secret, (bytes) => {
    const code = newEnrolmentCode(bytes);
    deepEqual(enrolmentSecret(code), bytes);
    deepEqual(enrolmentSecret(` ${code.toLowerCase().replaceAll("-", " ")}\n`), bytes);
    deepEqual(enrolmentSecret(code.replaceAll("1", "l").replaceAll("0", "o")), bytes);
  }));
});

Deno.test("enrolmentSecret() finds one wrong character in all but one of 4,096 codes, and every wrong length", () => {
  fc.assert(fc.property(secret, (bytes) => {
    const code = newEnrolmentCode(bytes);
    equal(enrolmentSecret(code.slice(1)), undefined);
    equal(enrolmentSecret(`${code}0`), undefined);
  }));
  const code = newEnrolmentCode(new Uint8Array(16).fill(7)).replaceAll("-", "");
  const wrong = [...code].flatMap((_, at) =>
    [..."0123456789ABCDEFGHJKMNPQRSTVWXYZ"].map((other) => `${code.slice(0, at)}${other}${code.slice(at + 1)}`)
  ).filter((other) => other !== code);
  const passed = wrong.filter((other) => enrolmentSecret(other) !== undefined).length;
  equal(passed <= 2, true, `${passed} of ${wrong.length} passed`);
});

Deno.test("enrolmentSecret() is total", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
    const bytes = enrolmentSecret(text);
    equal(bytes === undefined || bytes.length === 16, true);
  }));
});
