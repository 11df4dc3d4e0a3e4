/**
 * Three KMS together protect two clusters, one over v1beta1 and one over v2. Each of the three in turn is killed, hangs
 * and refuses, without an effect on writes and reads.
 *
 * Over v1beta1 each object has a data key of its own, which the plugin seals; over v2 the key of another KMS is rotated in
 * every outage, and later writes are under the new key ID. In every outage API servers start with an empty cache, and
 * the plugin too where it can: it has the remaining KMS unwrap all data keys that it does not have in memory.
 *
 * @module
 */
import assert from "node:assert/strict";
import { faults } from "./harness/members.ts";
import { QuorumSite } from "./harness/quorum_site.ts";

Deno.test("with `wrap: 2` of three, each KMS may be killed, hang and refuse: no write and no read fails", async (t) => {
  await using site = await QuorumSite.start({ members: ["local", "vault", "aws"], wrap: 2 });
  for (const member of site.members) {
    for (const fault of faults) {
      const passed = await t.step(
        `${member.name} ${fault}: ${member.blows[fault].what}`,
        () => site.outage(member, fault),
      );
      // Later steps depend on this one.
      if (!passed) return;
    }
  }
  const calls = await site.countedCalls();
  calls.print();
  await t.step("every call was answered within kube-apiserver's 3 s", () => calls.assertAllAnswered());
});

Deno.test("control run: with one KMS the same calls fail when it is killed", async () => {
  await using site = await QuorumSite.start({ members: ["vault"], wrap: 1 });
  const [vault] = site.members;
  assert.ok(vault);
  await assert.rejects(site.outage(vault, "killed"), /Waited 3(\.\d)? s for the Secret/);
});
