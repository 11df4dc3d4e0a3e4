/**
 * The commands of all pages that put files on a node agree with each other, and with the table of modes in
 * `docs/install.md`.
 *
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { type Block, readPages } from "./markdown.ts";
import { type SimpleCommand, simpleCommands, typedLines } from "./shell.ts";

interface PlacedCommand {
  readonly place: string;
  readonly command: SimpleCommand;
}

const pages = await readPages();
const commands: readonly PlacedCommand[] = pages.flatMap(({ blocks }) => blocks).flatMap(commandsOf);

function commandsOf({ place, language, text }: Block): readonly PlacedCommand[] {
  if (language !== "sh" && language !== "console") return [];
  return simpleCommands(language === "console" ? typedLines(text) : text).flatMap((command) => [
    { place, command },
    // A script that ssh hands to another machine.
    ...(command[0] === "ssh" ? simpleCommands(command.at(-1) ?? "").map((inner) => ({ place, command: inner })) : []),
  ]);
}

/** The word behind an option. */
function valueOf(command: SimpleCommand, option: string): string | undefined {
  const at = command.indexOf(option);
  return at < 0 ? undefined : command[at + 1];
}

const users = ["trousseau", "trousseaud", "65532", undefined];

/** Why an `install` of a page has another mode or owner than `docs/install.md` says; `undefined` if it has these. */
function faultOf(command: SimpleCommand): string | undefined {
  const target = command.at(-1) ?? "";
  const [mode, owner] = [valueOf(command, "-m"), valueOf(command, "-o")];
  if (command.includes("-d")) {
    if (target === "/etc/trousseau") return mode === "0750" && owner === "root" ? undefined : "not root's with 0750";
    if (target === "/var/lib/trousseau") return mode === "0700" && users.includes(owner) ? undefined : "not 0700";
    return undefined;
  }
  if (!/^\/(etc|var\/lib)\/trousseau\//.test(target)) return undefined;
  // systemd's LoadCredential reads as root.
  return mode === "0600" && (users.includes(owner) || owner === "root") ? undefined : "not 0600";
}

Deno.test("every page installs folders and files of a node with the modes of docs/install.md", () => {
  const installs = commands.filter(({ command }) => command[0] === "install");
  const faults = installs.flatMap(({ place, command }) => {
    const fault = faultOf(command);
    return fault === undefined ? [] : [`${place}: ${command.join(" ")}: ${fault}`];
  });
  deepEqual(faults, []);
  ok(installs.length > 20, "there are such commands");
});

Deno.test("faultOf() finds another mode and another owner", () => {
  equal(faultOf(["install", "-m", "0644", "-o", "trousseau", "a", "/etc/trousseau/a"]), "not 0600");
  equal(faultOf(["install", "-d", "-m", "0755", "-o", "root", "/etc/trousseau"]), "not root's with 0750");
  equal(faultOf(["install", "-d", "-m", "0750", "-o", "trousseau", "/var/lib/trousseau"]), "not 0700");
});

Deno.test("docs/install.md makes the user before a command names it", () => {
  const programs = commands.filter(({ place }) => place.startsWith("docs/install.md:")).map(({ command }) => command);
  const made = programs.findIndex(([program]) => program === "systemd-sysusers");
  const named = programs.findIndex((command) => valueOf(command, "-o") === "trousseau");
  ok(made >= 0 && made < named, `made by command ${made}, named by ${named}`);
});

Deno.test("every etcdctl of a page has a client certificate, in its options or in variables set before it", () => {
  const needed = ["CACERT", "CERT", "KEY"];
  let found = 0;
  for (const { path, blocks } of pages) {
    let variables = new Set<string>();
    for (const block of blocks) {
      for (const { place, command } of commandsOf(block)) {
        if (command[0] === "export") {
          variables = variables.union(new Set(command.map((word) => word.split("=")[0] ?? "")));
        }
        if (!command.includes("etcdctl") || !command.includes("get")) continue;
        found++;
        const given = needed.every((name) =>
          variables.has(`ETCDCTL_${name}`) || command.includes(`--${name.toLowerCase()}`)
        );
        ok(given, `${place}: ${command.join(" ")} has no certificate; ${path} sets ${[...variables]}`);
      }
    }
  }
  ok(found >= 4, "there are such commands");
});
