import { deepEqual, equal, rejects } from "node:assert/strict";
import { type GeneratorInput, generatorSchema } from "../../../api/keyring/generators.ts";
import type { Generated } from "./generate.ts";
import { ValueGenerators } from "./value_generators.ts";

const spec = (input: GeneratorInput) => generatorSchema.parse(input);
const never = new AbortController().signal;

/** Generators whose RSA searches end when the test says so. */
function searching() {
  const searches: { readonly name: string; readonly end: PromiseWithResolvers<Generated> }[] = [];
  const generators = new ValueGenerators((_, name) => {
    const end = Promise.withResolvers<Generated>();
    searches.push({ name, end });
    return end.promise;
  });
  const settle = async () => {
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  return { generators, searches, settle };
}

const made: Generated = { fields: [], bits: 112 };
const rsa = spec({ kind: "rsa", bits: 2048 });

Deno.test("ValueGenerators searches one RSA key at a time, in the order of the calls", async () => {
  const { generators, searches, settle } = searching();
  const results = ["a", "b", "c"].map((name) => generators.generate(rsa, name, never));
  for (const [index, name] of ["a", "b", "c"].entries()) {
    await settle();
    deepEqual([searches.length, searches[index]?.name], [index + 1, name]);
    if (index === 1) searches[index]?.end.reject(new Error("no prime"));
    else searches[index]?.end.resolve(made);
  }
  deepEqual((await Promise.allSettled(results)).map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
});

Deno.test("ValueGenerators refuses a ninth RSA key, and takes one again after a search", async () => {
  const { generators, searches, settle } = searching();
  const first = generators.generate(rsa, "0", never);
  const others = Array.from({ length: 7 }, (_, at) => generators.generate(rsa, `${at}`, never));
  await rejects(generators.generate(rsa, "8", never), { code: "rate_limited" });
  await settle();
  searches[0]?.end.resolve(made);
  equal(await first, made);
  others.push(generators.generate(rsa, "9", never));
  for (let at = 1; at <= 8; at++) {
    await settle();
    searches[at]?.end.resolve(made);
  }
  equal((await Promise.all(others)).length, 8);
});

Deno.test("ValueGenerators ends a wait by its signal, and does not begin a search that was given up", async () => {
  const { generators, searches, settle } = searching();
  const [stopFirst, stopSecond] = [new AbortController(), new AbortController()];
  const first = generators.generate(rsa, "first", stopFirst.signal);
  const second = generators.generate(rsa, "second", stopSecond.signal);
  const third = generators.generate(rsa, "third", never);
  await settle();
  stopFirst.abort(new Error("gone"));
  stopSecond.abort(new Error("gone too"));
  await rejects(first, { code: "rate_limited" });
  await rejects(second, { code: "rate_limited" });
  await settle();
  equal(searches.length, 1, "the first search still holds its turn");
  searches[0]?.end.resolve(made);
  await settle();
  deepEqual(searches.map(({ name }) => name), ["first", "third"]);
  searches[1]?.end.resolve(made);
  equal(await third, made);
  await rejects(generators.generate(rsa, "x", AbortSignal.abort(new Error("before"))), { code: "rate_limited" });
});

Deno.test("ValueGenerators generates other kinds beside a search", async () => {
  const generators = new ValueGenerators();
  const [key, uuid] = [
    generators.generate(rsa, "key", never),
    generators.generate(spec({ kind: "uuid" }), "id", never),
  ];
  equal((await uuid).bits, 122);
  equal((await key).fields.length, 2);
});
