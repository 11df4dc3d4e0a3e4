import assert from "node:assert/strict";
import { join } from "node:path";
import { environmentFrom } from "./environment.ts";
import { fileSource, literalSource, variableSource } from "./secrets.ts";
import { makeFifo } from "../../tests/support/fifo.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";

async function inFile(content: string | Uint8Array, test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "secret");
    await Deno.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
    await test(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("fileSource() removes white space around the secret", async () => {
  await inFile("  s.token \r\n\n", async (path) => {
    const source = fileSource(path);
    assert.equal((await source.read()).reveal(), "s.token");
    assert.equal(source.description, `file ${path}`);
  });
});

Deno.test("fileSource() reads the file at each call", async () => {
  await inFile("one\n", async (path) => {
    const source = fileSource(path);
    assert.equal((await source.read()).reveal(), "one");
    await Deno.writeTextFile(path, "two");
    assert.equal((await source.read()).reveal(), "two");
    await Deno.remove(path);
    await assert.rejects(source.read(), {
      code: "config",
      message: `Cannot read the secret in file ${path}: there is no such file.`,
    });
  });
});

Deno.test("fileSource() refuses content that cannot be a secret, without showing it", async () => {
  for (
    const [content, why] of [
      ["", "it is empty; write the secret into it"],
      [" \n", "it is empty; write the secret into it"],
      ["canary\ncanary", "it has 2 lines, and only one is wanted; leave the line of the secret alone in it"],
      ["canary\r\n\r\ncanary\n", "it has 3 lines, and only one is wanted; leave the line of the secret alone in it"],
      ["canary\u0000", "it holds control characters; write the secret into it as plain text"],
      [Uint8Array.of(0x63, 0xff), "it is binary, not UTF-8 text; write the secret into it as text"],
      ["canary".repeat(11_000), "it is larger than 64 KiB"],
    ] as const
  ) {
    await inFile(content, async (path) => {
      await assert.rejects(fileSource(path).read(), {
        code: "config",
        message: `Cannot read the secret in file ${path}: ${why}.`,
      });
    });
  }
});

Deno.test("fileSource() reports a folder, and a path through a file", async () => {
  await inFile("x", async (path) => {
    await assert.rejects(fileSource(join(path, "..")).read(), /: it is a folder, and only a regular file is read\./);
    await assert.rejects(fileSource(join(path, "x")).read(), /: a part of its path is a file, not a folder\./);
  });
});

Deno.test("fileSource() refuses at each reading a file that others may write, and accepts it after it is corrected", async () => {
  await inFile("s.token", async (path) => {
    const source = fileSource(path);
    assert.equal((await source.read()).reveal(), "s.token");
    await Deno.chmod(path, 0o602);
    await assert.rejects(source.read(), {
      message: new RegExp(`every user may write it .*0602.; run chmod o-w ${path}`),
    });
    await Deno.chmod(path, 0o644);
    assert.equal((await source.read()).reveal(), "s.token");
  });
});

Deno.test("fileSource() does not read from a device, and does not wait for a FIFO", async () => {
  await assert.rejects(fileSource("/dev/zero").read(), /it is no regular file/);
  await inFolder(async (folder) => {
    await makeFifo(`${folder}/token`);
    await assert.rejects(fileSource(`${folder}/token`).read(), { code: "config", message: /it is a pipe/ });
  });
});

Deno.test("fileSource() accepts a secret of exactly 64 KiB", async () => {
  await inFile("x".repeat(65_536), async (path) => {
    assert.equal((await fileSource(path).read()).reveal().length, 65_536);
  });
});

Deno.test("variableSource() reads the variable, or reports that it is not set", async () => {
  const environment = environmentFrom((name) => ({ VAULT_TOKEN: " s.token\n", BAO_TOKEN: " " })[name]);
  assert.equal((await variableSource("VAULT_TOKEN", environment).read()).reveal(), "s.token");
  assert.equal(variableSource("VAULT_TOKEN", environment).description, "variable VAULT_TOKEN");
  for (const name of ["BAO_TOKEN", "TROUSSEAU_SECRET_X"]) {
    await assert.rejects(variableSource(name, environment).read(), {
      code: "config",
      message: `Cannot read the secret in variable ${name}: it is not set.`,
    });
  }
});

Deno.test("variableSource() refuses a value that cannot be a secret, without showing it", async () => {
  for (
    const [content, why] of [
      ["canary\ncanary", "it has 2 lines, and only one is wanted; leave the line of the secret alone in it"],
      ["canary\tcanary", "it holds control characters; write the secret into it as plain text"],
    ] as const
  ) {
    const source = variableSource(
      "VAULT_TOKEN",
      environmentFrom((name) => name === "VAULT_TOKEN" ? content : undefined),
    );
    await assert.rejects(source.read(), {
      code: "config",
      message: `Cannot read the secret in variable VAULT_TOKEN: ${why}.`,
    });
  }
});

Deno.test("literalSource() hides its value when it is printed", async () => {
  const source = literalSource("role-canary");
  assert.equal((await source.read()).reveal(), "role-canary");
  assert.ok(!Deno.inspect({ source, secret: await source.read() }, { depth: 9 }).includes("canary"));
});

Deno.test("variableSource() still has its secret after the permission for the environment is revoked", async () => {
  let given: string | undefined = "s.token";
  const source = variableSource("VAULT_TOKEN", environmentFrom((name) => name === "VAULT_TOKEN" ? given : undefined));
  given = undefined;
  assert.equal((await source.read()).reveal(), "s.token");
});
