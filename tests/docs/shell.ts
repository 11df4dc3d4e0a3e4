/**
 * Finds the simple commands of a shell script, without running it: enough of the grammar for the examples of the pages.
 *
 * @module
 */

/** Words that stand before a command and are none themselves. */
const before = new Set(["if", "then", "else", "elif", "while", "until", "do", "!", "{", "sudo", "exec", "env", "time"]);

/** One command: its program and its arguments, quotes removed. A `$(…)` in a word is left out of it. */
export type SimpleCommand = readonly string[];

/** All simple commands of a script, those in `$(…)`, `<(…)` and `(…)` too, in the order in which they end. */
export function simpleCommands(script: string): readonly SimpleCommand[] {
  return new Reader(script).read();
}

/** The part of a `console` block that is typed: lines behind `$ ` and their continuations. */
export function typedLines(text: string): string {
  const typed: string[] = [];
  let continued = false;
  for (const line of text.split("\n")) {
    if (!continued && !line.startsWith("$ ")) continue;
    typed.push(continued ? line : line.slice(2));
    continued = line.endsWith("\\");
  }
  return `${typed.join("\n")}\n`;
}

class Reader {
  readonly #text: string;
  #at = 0;
  readonly #found: SimpleCommand[] = [];
  #words: string[] = [];
  #word: string | undefined;
  /** Whether the next word is the file of a redirection. */
  #redirected = false;
  /** Delimiters of here-documents whose text begins behind the next line break. */
  readonly #heredocs: string[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  /** @param end the character that ends the script, for a `$(…)`. */
  read(end?: string): readonly SimpleCommand[] {
    while (this.#at < this.#text.length && (end === undefined || this.#peek() !== end)) this.#step();
    this.#at++;
    this.#endCommand();
    return this.#found;
  }

  /** What is left behind a script that has been read to its end character. */
  get at(): number {
    return this.#at;
  }

  #peek(length = 1): string {
    return this.#text.slice(this.#at, this.#at + length);
  }

  #step(): void {
    const char = this.#text.charAt(this.#at++);
    if (char === "\\") return this.#add(this.#peek() === "\n" ? this.#skip("") : this.#skip(this.#peek()));
    if (char === "'") return this.#add(this.#upTo("'"));
    if (char === '"') return this.#doubleQuoted();
    if (char === "$" && this.#peek() === "(") return this.#add(this.#nested());
    if (char === "#" && this.#word === undefined) return void this.#upToLineEnd();
    if (char === "<" || char === ">") return this.#redirection();
    if (char === " " || char === "\t") return this.#endWord();
    if (!"\n;&|()".includes(char)) return this.#add(char);
    this.#endCommand();
    if (char === "\n") this.#skipHeredocs();
  }

  #add(text: string | undefined): void {
    if (text !== undefined) this.#word = (this.#word ?? "") + text;
  }

  /** Passes one character; `""` adds nothing and begins no word. */
  #skip(text: string): string | undefined {
    this.#at++;
    return text === "" ? undefined : text;
  }

  #upTo(end: string): string {
    const to = this.#text.indexOf(end, this.#at);
    const found = this.#text.slice(this.#at, to < 0 ? undefined : to);
    this.#at += found.length + end.length;
    return found;
  }

  #upToLineEnd(): string {
    const found = this.#upTo("\n");
    this.#at--;
    return found;
  }

  #doubleQuoted(): void {
    this.#add("");
    while (this.#at < this.#text.length && this.#peek() !== '"') {
      if (this.#peek(2) === "$(") {
        this.#at++;
        this.#add(this.#nested());
      } else {
        if (this.#peek() === "\\") this.#at++;
        this.#add(this.#text.charAt(this.#at++));
      }
    }
    this.#at++;
  }

  /** Reads the commands of a `(…)` at this place. */
  #nested(): string {
    const inner = new Reader(this.#text.slice(this.#at + 1));
    this.#found.push(...inner.read(")"));
    this.#at += inner.at + 1;
    return "";
  }

  #redirection(): void {
    if (this.#peek() === "(") {
      this.#nested();
      return this.#add("/dev/fd/63");
    }
    if (/^\d+$/.test(this.#word ?? "")) this.#word = undefined;
    this.#endWord();
    if (this.#peek(2).startsWith("<") && this.#text.charAt(this.#at - 1) === "<") {
      const [all = "", delimiter = ""] = /^<[-~]?\s*["']?(\w+)["']?/.exec(this.#text.slice(this.#at)) ?? [];
      this.#at += all.length;
      if (delimiter !== "") this.#heredocs.push(delimiter);
      return;
    }
    while ([">", "&", "|"].includes(this.#peek())) this.#at++;
    this.#redirected = true;
  }

  #skipHeredocs(): void {
    for (const delimiter of this.#heredocs.splice(0)) {
      while (this.#at < this.#text.length && this.#upTo("\n").trim() !== delimiter);
    }
  }

  #endWord(): void {
    if (this.#word === undefined) return;
    if (!this.#redirected) this.#words.push(this.#word);
    this.#redirected = false;
    this.#word = undefined;
  }

  #endCommand(): void {
    this.#endWord();
    this.#redirected = false;
    const start = this.#words.findIndex((word) => !before.has(word) && !/^[A-Za-z_]\w*=/.test(word));
    if (start >= 0) this.#found.push(this.#words.slice(start));
    this.#words = [];
  }
}
