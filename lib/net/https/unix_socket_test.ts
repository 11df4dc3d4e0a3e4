import assert from "node:assert/strict";
import { socketFailure } from "./unix_socket.ts";

Deno.test("socketFailure() has a phrase for each failed connection to a socket", async () => {
  const words = (code: string) => socketFailure("/run/none.sock", Object.assign(new Error(code), { code }));
  for (const code of ["EACCES", "EPERM"]) {
    assert.match(await words(code), /^may not be used by this user; look at socket_mode, socket_user and socket_group/);
  }
  assert.match(await words("ENOENT"), /^is not there; start the agent/);
  assert.match(await words("ENAMETOOLONG"), /107 bytes/);
  assert.equal(await words("EMFILE"), "cannot be connected to: this process has too many open files (LimitNOFILE)");
});
