// Serves an OpenID provider over TLS for tests: `oidc-provider`, with one client that gets JWTs by its credentials.
//
// Arguments: the files of certificate and key in PEM, the client's ID, the audience. The client's secret is in
// CLIENT_SECRET. Once it listens, it prints its issuer URL. It ends with SIGTERM.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import process from "node:process";
import Provider from "oidc-provider";

const [certificate, key, client, audience] = process.argv.slice(2);

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const signingKey = { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };

const configuration = {
  clients: [{
    client_id: client,
    client_secret: process.env.CLIENT_SECRET,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
  }],
  jwks: { keys: [signingKey] },
  cookies: { keys: [randomUUID()] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => `urn:${audience}`,
      getResourceServerInfo: () => ({
        audience,
        scope: "deploy",
        accessTokenFormat: "jwt",
        accessTokenTTL: 600,
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
};

let answer;
const server = createServer(
  { cert: readFileSync(certificate), key: readFileSync(key) },
  (request, response) => answer(request, response),
);
server.listen(0, "127.0.0.1", () => {
  const issuer = `https://localhost:${server.address().port}`;
  answer = new Provider(issuer, configuration).callback();
  process.stdout.write(`${issuer}\n`);
});
