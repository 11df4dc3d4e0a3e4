import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { jsonElements, jsonMemberTexts, jsonSlice, repeatedName } from "./json_slices.ts";

Deno.test("jsonSlice() returns a value as it is written", () => {
  const text = ` { "a" : {"b":1.0,"c": 12345678901234567890 , "d\\"x":[1 , {"e":"}"}], "f":"\\\\"} ,"g":null}`;
  equal(jsonSlice(text, ["a", "b"]), "1.0");
  equal(jsonSlice(text, ["a", "c"]), "12345678901234567890");
  equal(jsonSlice(text, ["a", 'd"x']), '[1 , {"e":"}"}]');
  equal(jsonSlice(text, ["a", "f"]), '"\\\\"');
  equal(jsonSlice(text, ["g"]), "null");
  equal(jsonSlice(text, ["h"]), undefined);
  equal(jsonSlice(text, ["g", "h"]), undefined);
  equal(jsonSlice(text, []), text.trim());
});

Deno.test("jsonSlice() takes the last of two members with one name, as JSON.parse does", () => {
  equal(jsonSlice('{"a":1,"a":2}', ["a"]), "2");
});

Deno.test("jsonMemberTexts() finds every member of any JSON object, and their texts parse to the same values", () => {
  const spaced = fc.tuple(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 2, "\t"));
  fc.assert(fc.property(spaced, ([object, space]) => {
    const text = JSON.stringify({ fields: object }, undefined, space);
    const parsed = JSON.parse(text).fields;
    const members = jsonMemberTexts(text, ["fields"]);
    deepEqual([...members.keys()].sort(), Object.keys(parsed).sort());
    for (const [name, slice] of members) deepEqual(JSON.parse(slice), parsed[name]);
  }));
});

Deno.test("jsonMemberTexts() needs no stack for a deep value", () => {
  const deep = "[".repeat(5_000) + "]".repeat(5_000);
  equal(jsonMemberTexts(`{"a":${deep}}`, []).get("a"), deep);
});

Deno.test("jsonElements() finds every element of any JSON array", () => {
  fc.assert(fc.property(fc.array(fc.jsonValue()), fc.constantFrom(0, 2), (array, space) => {
    const text = JSON.stringify(array, undefined, space);
    deepEqual(jsonElements(text).map((element) => JSON.parse(element)), JSON.parse(text));
  }));
  deepEqual(jsonElements("{}"), []);
});

Deno.test("repeatedName() finds a name that an object has twice, at any depth and however it is escaped", () => {
  const found = [
    ['{"a":1,"a":2}', "a"],
    ['[{"x":{"b":[1,{"c":1,"d":"c","c":{}}]}}]', "c"],
    ['{"\\u0061":1,"a":2}', "a"],
    ['{"":1, "" :2}', ""],
    ['{"__proto__":1,"__proto__":2}', "__proto__"],
    ['{"a":{"b":1},"b":{"a":1},"c":["a","a",{"a":"a"}]}', undefined],
    ['{"a":"{\\"a\\":1,","b":"}"}', undefined],
    ['["a","a"]', undefined],
    ['"a"', undefined],
  ] as const;
  for (const [text, name] of found) equal(repeatedName(text), name, text);
  fc.assert(fc.property(fc.jsonValue(), fc.constantFrom(0, 2, "\t"), (value, space) => {
    equal(repeatedName(JSON.stringify(value, undefined, space)), undefined);
  }));
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.nat(), (object, index) => {
    const members = Object.entries(object).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
    const name = Object.keys(object)[index % members.length];
    equal(repeatedName(`[{${[...members, `${JSON.stringify(name)}:0`].join()}}]`), name);
  }));
});
