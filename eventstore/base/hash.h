// SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104) over OpenSSL EVP with the algorithm fetched once
// and contexts reused: three times the speed of one-shot SHA256() on short inputs.
#ifndef POLKU_EVENTSTORE_BASE_HASH_H_
#define POLKU_EVENTSTORE_BASE_HASH_H_

#include <initializer_list>
#include <string_view>

#include "eventstore/base/ids.h"

namespace polku {

// The hash of the parts joined, without joining them. Thread-safe (a context per thread).
Hash Sha256(std::initializer_list<std::string_view> parts);
inline Hash Sha256(std::string_view bytes) { return Sha256({bytes}); }

// HMAC-SHA-256 over the parts joined. Any key length. Thread-safe.
Hash HmacSha256(std::string_view key, std::initializer_list<std::string_view> parts);

// Of a case that is erased (event.proto Erased.fence), SHA-256("polku/fence/v1" 00 ‖ case id): by this it is known
// again, to whoever knows the case, without its id being kept.
Hash FenceOf(const CaseId& case_id);

}  // namespace polku

#endif  // POLKU_EVENTSTORE_BASE_HASH_H_
