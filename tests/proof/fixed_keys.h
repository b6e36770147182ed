// Keys that are the same in every run: their seeds are 32 bytes counting up from a first one.
#ifndef POLKU_TESTS_PROOF_FIXED_KEYS_H_
#define POLKU_TESTS_PROOF_FIXED_KEYS_H_

#include <sodium.h>

#include <memory>
#include <string>

#include "eventstore/base/bytes.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/proof/checkpoint.h"

namespace polku::proof {

inline constexpr char kOrigin[] = "FI/MUN/0187690-1/oulu/referral/1";
inline constexpr char kWitness1[] = "FI/GOV/0246246-0/kela/compensation/witness";
inline constexpr char kWitness2[] = "FI/MUN/0209602-6/kuopio/attendance/witness";
inline constexpr uint8_t kOriginSeed = 0x00;  // the worked example of FORMAT.md
inline constexpr uint8_t kWitness1Seed = 0x20;
inline constexpr uint8_t kWitness2Seed = 0x40;

inline std::unique_ptr<Signer> FixedSigner(const std::string& name, uint8_t first, KeyUse use) {
  EnsureSodium();
  std::string typed(1, static_cast<char>(use));
  for (int i = 0; i < 32; ++i) typed.push_back(static_cast<char>(first + i));
  Ed25519Public key;
  uint8_t secret[crypto_sign_SECRETKEYBYTES];
  crypto_sign_seed_keypair(key.data(), secret, reinterpret_cast<const uint8_t*>(typed.data()) + 1);
  std::string id;
  AppendBigEndian32(id, VerifierKey(name, key, use).key_id());
  return *Signer::Parse(Str("PRIVATE+KEY+", name, "+", ToHex(id), "+", ToBase64(typed)), use);
}

inline std::unique_ptr<Signer> OriginSigner() {
  return FixedSigner(kOrigin, kOriginSeed, KeyUse::kCheckpoint);
}
inline std::unique_ptr<Signer> Witness1() {
  return FixedSigner(kWitness1, kWitness1Seed, KeyUse::kCosignature);
}
inline std::unique_ptr<Signer> Witness2() {
  return FixedSigner(kWitness2, kWitness2Seed, KeyUse::kCosignature);
}

}  // namespace polku::proof

#endif  // POLKU_TESTS_PROOF_FIXED_KEYS_H_
