import { strict as assert } from "node:assert";
import { failingErrnos, systemError } from "../../tests/support/failing_system.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { ownerFound, whyUnopened, whyUnwritable } from "./file_failures.ts";
import { ownUser } from "./file_owner.ts";
import { systemFailure } from "./system_failures.ts";

const stranger = 64_001;

Deno.test("whyUnwritable() names the remedy", () => {
  const path = "/nowhere/file";
  assert.equal(whyUnwritable(systemError("ENOSPC"), path), "the disk is full; make room there");
  assert.equal(
    whyUnwritable(systemError("EDQUOT"), path),
    "the disk quota of this user is used up; raise the quota, or make room",
  );
  assert.match(whyUnwritable(systemError("EROFS"), path), /mounted read-only; .*ReadWritePaths=/);
  assert.match(whyUnwritable(systemError("EIO"), path), /input\/output error; look at the kernel log$/);
  assert.match(whyUnwritable(systemError("ESTALE"), path), /stale handle\); mount it again$/);
  assert.match(
    whyUnwritable(new Deno.errors.NotCapable(path), path),
    /below \/run, \/var\/run and \/var\/lib\/trousseau/,
  );
});

Deno.test("whyUnwritable() and whyUnopened() have a phrase for each errno, and repeat no text of the error", () => {
  for (const why of [whyUnwritable, whyUnopened]) {
    const sentences = failingErrnos.map((errno) => why(systemError(errno), "/nowhere/file"));
    assert.ok(sentences.every((one) => !/canary|Error|os error/.test(one)), sentences.join("\n"));
    assert.ok(new Set(sentences).size >= failingErrnos.length - 1);
  }
});

Deno.test("whyUnwritable() names the actual and the expected owner, of the folder or the file", () =>
  inFolder(async (folder) => {
    const user = ownUser(folder);
    const path = `${folder}/state/key-ring.json`;
    await Deno.mkdir(`${folder}/state`, { mode: 0o700 });
    await Deno.writeTextFile(path, "", { mode: 0o600 });
    await Deno.chown(`${folder}/state`, stranger, stranger);
    assert.equal(
      whyUnwritable(systemError("EACCES"), path),
      `permission denied; its folder ${folder}/state is owned by uid ${stranger} (expected ${user}, mode 0700): ` +
        `chown -R ${user} ${folder}/state`,
    );
    await Deno.chown(`${folder}/state`, user ?? 0, 0);
    await Deno.chown(path, stranger, stranger);
    assert.equal(
      whyUnwritable(systemError("EPERM"), path),
      `${systemFailure(systemError("EPERM"))}; it is owned by uid ${stranger} (expected ${user}, mode 0600): ` +
        `chown ${user} ${path}`,
    );
    assert.equal(ownerFound(path), `it is owned by uid ${stranger} (expected ${user}, mode 0600)`);
    assert.match(
      whyUnopened(systemError("EACCES"), path),
      new RegExp(
        `^this user may not read it; it is owned by uid ${stranger} \\(expected ${user}, .*chgrp, chmod g\\+r`,
      ),
    );
    await Deno.chown(path, user ?? 0, 0);
    assert.match(whyUnwritable(systemError("EACCES"), path), /; it is owned by uid .*; look at the modes .* SELinux/);
  }));

Deno.test("whyUnwritable() advises to create a missing folder, and not to change the owner of the one above it", () =>
  inFolder(async (folder) => {
    const user = ownUser(folder);
    const refused = systemError("EACCES");
    await Deno.chown(folder, stranger, stranger);
    assert.equal(
      whyUnwritable(refused, `${folder}/state/key-ring.json`),
      `permission denied; its folder ${folder} is owned by uid ${stranger} (expected ${user}, mode 0700): ` +
        `install -d -m 0711 -o ${user} ${folder}/state`,
    );
  }));

Deno.test("ownerFound() is undefined for a file that does not exist", () => {
  assert.equal(ownerFound("/nowhere/file"), undefined);
});
