// go run verify.go ISSUER APPLICATION ASSERTION: prints who is asking, or fails.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"math/big"
	"net/http"
	"os"
	"strings"
	"time"
)

type claims struct {
	Iss, Aud, Sub string
	Exp           int64
	Username      string `json:"preferred_username"`
}

// identity is what X-Ostiary-Jwt-Assertion says; an error for all that Ostiary did not sign
// for this application just now.
func identity(issuer, application, assertion string) (who claims, err error) {
	answer, err := http.Get(issuer + "/ostiary/jwks.json") // keep the keys for some minutes
	if err != nil {
		return who, err
	}
	defer answer.Body.Close()
	var head struct{ Alg, Kid string }
	var set struct {
		Keys []struct{ Alg, Kid, X, Y string }
	}
	parts := strings.Split(assertion, ".")
	if json.NewDecoder(answer.Body).Decode(&set) != nil || len(parts) != 3 ||
		json.Unmarshal(decoded(parts[0]), &head) != nil {
		return who, fmt.Errorf("unreadable")
	}
	digest, signature := sha256.Sum256([]byte(parts[0]+"."+parts[1])), decoded(parts[2])
	for _, jwk := range set.Keys {
		key := ecdsa.PublicKey{Curve: elliptic.P256(), X: number(decoded(jwk.X)), Y: number(decoded(jwk.Y))}
		if jwk.Kid == head.Kid && jwk.Alg == "ES256" && head.Alg == "ES256" && len(signature) == 64 &&
			ecdsa.Verify(&key, digest[:], number(signature[:32]), number(signature[32:])) {
			err = json.Unmarshal(decoded(parts[1]), &who)
			if err == nil && who.Iss == issuer && who.Aud == application && who.Exp > time.Now().Unix()-30 {
				return who, nil
			}
		}
	}
	return claims{}, fmt.Errorf("not signed for this application just now")
}

func decoded(part string) []byte {
	raw, _ := base64.RawURLEncoding.DecodeString(part)
	return raw
}

func number(raw []byte) *big.Int { return new(big.Int).SetBytes(raw) }

func main() {
	who, err := identity(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(who.Username)
}
