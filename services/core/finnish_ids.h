// Finnish identifiers that agencies send: the personal identity code, the IBAN and the reference
// number of a payment. Pure functions; thread-safe. Business IDs are in eventstore/base/ids.h.
#ifndef POLKU_SERVICES_CORE_FINNISH_IDS_H_
#define POLKU_SERVICES_CORE_FINNISH_IDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/civil_time.h"

namespace polku::service {

// What a personal identity code (henkilötunnus) tells. The code itself is not kept: it belongs to
// the identity section alone, so nothing made from it may carry it further.
struct PersonalIdentity {
  absl::CivilDay born;
  bool female = false;
  bool for_tests = false;  // individual number 900-999: never given to a person
};

// DDMMYY + separator + NNN + check character, in capitals and without white space (DOMAIN "Data").
// The separator gives the century: + 1800s; - Y X W V U 1900s; A-F 2000s [p]. nullopt unless form,
// day, individual number (002-999) and check character all hold.
std::optional<PersonalIdentity> ParsePersonalIdentityCode(std::string_view text);

// A valid code stands in `text` by itself, also in small letters or as part of a sentence. For finding
// codes where they must not be.
bool ContainsPersonalIdentityCode(std::string_view text);

// ISO 13616 in electronic form: capitals, no spaces, 15-34 characters, mod 97 (ISO 7064) is 1; a
// Finnish one has 18 characters, digits after the country code.
bool IsValidIban(std::string_view text);

// A payment's reference number (viitenumero): 4-20 digits without spaces, the last of them a check
// digit by weights 7-3-1 from the right [k]; zeros in front mean nothing, but not all is zero.
bool IsValidReferenceNumber(std::string_view text);

// `base` with its check digit behind. nullopt unless base is 3-19 digits and not all zero.
std::optional<std::string> MakeReferenceNumber(std::string_view base);

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_FINNISH_IDS_H_
