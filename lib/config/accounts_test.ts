import assert from "node:assert/strict";
import { accountNumber } from "./accounts.ts";
import { fakeFiles } from "../../tests/support/fake_files.ts";

const files = fakeFiles({
  contents: { "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nkms:x:998:997::/:\nbroken\nodd:x:no\nlast:x:12:1" },
});

Deno.test("accountNumber() finds the number of a name", async () => {
  assert.equal(await accountNumber("/etc/passwd", "root", files), 0);
  assert.equal(await accountNumber("/etc/passwd", "kms", files), 998);
  assert.equal(await accountNumber("/etc/passwd", "last", files), 12);
});

Deno.test("accountNumber() is undefined for a missing name or file", async () => {
  for (const name of ["nemo", "broken", "odd", "", "x"]) {
    assert.equal(await accountNumber("/etc/passwd", name, files), undefined, name);
  }
  assert.equal(await accountNumber("/etc/group", "root", files), undefined);
});
