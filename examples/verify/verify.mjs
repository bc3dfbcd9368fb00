// node verify.mjs ISSUER APPLICATION ASSERTION: prints who is asking, or fails.

import { createPublicKey, verify } from "node:crypto";

/** What X-Ostiary-Jwt-Assertion says; throws for all that Ostiary did not sign for this application just now. */
async function identity(issuer, application, assertion) {
  const [head, body, signature, more] = assertion.split(".");
  const read = (part) => JSON.parse(Buffer.from(part, "base64url"));
  const { keys } = await (await fetch(`${issuer}/ostiary/jwks.json`)).json(); // keep the keys for some minutes
  const jwk = keys.find((key) => key.kid === read(head).kid && key.alg === "ES256");
  if (!jwk || read(head).alg !== "ES256" || more !== undefined) throw new Error("signed by somebody else");
  const key = { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" };
  const signed = Buffer.from(`${head}.${body}`);
  if (!verify("sha256", signed, key, Buffer.from(signature, "base64url"))) throw new Error("not signed");
  const claims = read(body);
  if (claims.iss !== issuer || claims.aud !== application) throw new Error("for another application");
  if (!(claims.exp > Date.now() / 1000 - 30)) throw new Error("too old");
  return claims;
}

console.log((await identity(...process.argv.slice(2))).preferred_username);
