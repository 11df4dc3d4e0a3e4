/**
 * An HTTP client that pipelines requests on a few connections, as fast as they are answered, for a bounded time. It is a
 * separate program, so that it does not slow down the test: `deno run http_pipeliner.ts PORT PATH CONNECTIONS AHEAD MS`.
 *
 * @module
 */
const [port = 0, connections = 0, ahead = 0, ms = 0] = [0, 2, 3, 4].map((index) => Number(Deno.args[index]));
const request = new TextEncoder().encode(`GET ${Deno.args[1]} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
const until = performance.now() + Math.min(ms, 30_000);

/** Pipelines requests and counts the answers by their first line. It connects again after a closed connection. */
async function pipeline(): Promise<number> {
  let answers = 0;
  while (performance.now() < until) {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const buffer = new Uint8Array(1 << 16);
    const decoder = new TextDecoder("latin1");
    try {
      for (let waiting = 0; performance.now() < until;) {
        for (; waiting < ahead; waiting++) await connection.write(request);
        const read = await connection.read(buffer);
        if (read === null) break;
        const got = decoder.decode(buffer.subarray(0, read)).split("HTTP/1.1 200 OK").length - 1;
        waiting -= got;
        answers += got;
      }
    } catch {
      // The connection was closed: the loop connects again.
    }
  }
  return answers;
}

const answers = await Promise.all(Array.from({ length: Math.min(connections, 64) }, pipeline));
await Deno.stdout.write(new TextEncoder().encode(`${answers.reduce((sum, one) => sum + one, 0)}\n`));
