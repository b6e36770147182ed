#include "eventstore/base/ids.h"

#include <algorithm>
#include <charconv>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"

namespace polku {
namespace {

constexpr size_t kMaxNameBytes = 255;
constexpr size_t kMaxServiceBytes = 32;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

bool IsNamePart(std::string_view part) {
  return !part.empty() && part != "." && part != ".." &&
         std::all_of(part.begin(), part.end(), [](char c) {
           return IsDigit(c) || IsLower(c) || IsUpper(c) || c == '.' || c == '_' || c == '-';
         });
}

// "1234567-8": seven digits weighted 7, 9, 10, 5, 8, 4, 2; the check digit completes the sum to a
// multiple of 11 (DOMAIN "Data"). No business ID has a remainder of 1.
bool IsBusinessId(std::string_view text) {
  constexpr int kWeights[7] = {7, 9, 10, 5, 8, 4, 2};
  if (text.size() != 9 || text[7] != '-' || !IsDigit(text[8])) return false;
  int sum = 0;
  for (size_t i = 0; i < 7; ++i) {
    if (!IsDigit(text[i])) return false;
    sum += kWeights[i] * (text[i] - '0');
  }
  const int remainder = sum % 11;
  if (remainder == 1) return false;
  return text[8] - '0' == (remainder == 0 ? 0 : 11 - remainder);
}

bool IsServiceName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxServiceBytes &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return IsDigit(c) || IsLower(c) || c == '-'; });
}

// What is wrong is named by its place: a name that fails the checks may hold anything.
absl::Status WrongPart(std::string_view which, std::string_view rule) {
  return Error(absl::StatusCode::kInvalidArgument, "agency name: the ", which, " ", rule);
}

template <typename Id>
std::optional<Id> ParseId(std::string_view text) {
  std::string digits;
  if (text.size() == 36) {
    for (size_t i = 0; i < text.size(); ++i) {
      const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
      if (hyphen != (text[i] == '-')) return std::nullopt;
      if (!hyphen) digits.push_back(text[i]);
    }
    text = digits;
  }
  const std::optional<std::string> bytes = FromHex(text);
  if (!bytes) return std::nullopt;
  return Id::FromBytes(*bytes);
}

}  // namespace

std::optional<CaseId> ParseCaseId(std::string_view text) { return ParseId<CaseId>(text); }
std::optional<EventId> ParseEventId(std::string_view text) { return ParseId<EventId>(text); }

std::string FormatCaseId(const CaseId& id) { return ToHex(id.view()); }

std::string FormatEventId(const EventId& id) {
  std::string text = ToHex(id.view());
  for (size_t at : {20, 16, 12, 8}) text.insert(at, 1, '-');
  return text;
}

absl::Status ValidateAgencyName(std::string_view agency) {
  constexpr std::string_view kParts[4] = {"instance", "member class", "member code", "subsystem"};
  if (agency.size() > kMaxNameBytes) {
    return Error(absl::StatusCode::kInvalidArgument, "agency name: longer than ", kMaxNameBytes,
                 " bytes");
  }
  std::string_view parts[4];
  std::string_view rest = agency;
  for (size_t i = 0; i < 4; ++i) {
    const size_t slash = rest.find('/');
    if ((slash == std::string_view::npos) != (i == 3)) {
      return Error(absl::StatusCode::kInvalidArgument,
                   "agency name: not four parts, instance/class/code/subsystem");
    }
    parts[i] = rest.substr(0, slash);
    if (i < 3) rest.remove_prefix(slash + 1);
  }
  for (size_t i = 0; i < 4; ++i) {
    if (!IsNamePart(parts[i])) return WrongPart(kParts[i], "must be made of [A-Za-z0-9._-]");
  }
  if (parts[0] == "FI" && !IsBusinessId(parts[2])) {
    return WrongPart(kParts[2], "is not a business ID whose check digit holds");
  }
  return absl::OkStatus();
}

std::string_view AgencyOfName(std::string_view name) {
  for (int part = 0; part < 2; ++part) {
    const size_t slash = name.rfind('/');
    if (slash == std::string_view::npos) return {};
    name = name.substr(0, slash);
  }
  return name;
}

absl::StatusOr<OriginName> OriginName::Parse(std::string_view text) {
  const size_t epoch_slash = text.rfind('/');
  const size_t service_slash = epoch_slash == std::string_view::npos || epoch_slash == 0
                                   ? std::string_view::npos
                                   : text.rfind('/', epoch_slash - 1);
  if (service_slash == std::string_view::npos) {
    return Error(absl::StatusCode::kInvalidArgument,
                 "origin name: not of the form agency/service/epoch");
  }
  const std::string_view epoch_text = text.substr(epoch_slash + 1);
  uint32_t epoch = 0;
  const auto [end, error] =
      std::from_chars(epoch_text.data(), epoch_text.data() + epoch_text.size(), epoch);
  if (error != std::errc() || end != epoch_text.data() + epoch_text.size() ||
      epoch_text[0] == '0') {
    return Error(absl::StatusCode::kInvalidArgument,
                 "origin name: the epoch must be a decimal number from 1, without leading zeros");
  }
  return Make(text.substr(0, service_slash),
              text.substr(service_slash + 1, epoch_slash - service_slash - 1), epoch);
}

absl::StatusOr<OriginName> OriginName::Make(std::string_view agency, std::string_view service,
                                            uint32_t epoch) {
  POLKU_RETURN_IF_ERROR(ValidateAgencyName(agency));
  if (!IsServiceName(service)) {
    return Error(absl::StatusCode::kInvalidArgument,
                 "origin name: the service must be 1 to 32 of [a-z0-9-]");
  }
  if (epoch == 0) {
    return Error(absl::StatusCode::kInvalidArgument, "origin name: epochs start at 1");
  }
  OriginName name;
  name.text_ = Str(agency, "/", service, "/", epoch);
  if (name.text_.size() > kMaxNameBytes) {
    return Error(absl::StatusCode::kInvalidArgument, "origin name: longer than ", kMaxNameBytes,
                 " bytes");
  }
  name.agency_size_ = agency.size();
  name.service_size_ = service.size();
  name.epoch_ = epoch;
  return name;
}

std::string_view OriginName::agency() const {
  return std::string_view(text_).substr(0, agency_size_);
}

std::string_view OriginName::service() const {
  if (service_size_ == 0) return {};
  return std::string_view(text_).substr(agency_size_ + 1, service_size_);
}

bool IsEarlierEpoch(std::string_view name, std::string_view of) {
  const auto one = OriginName::Parse(name);
  const auto other = OriginName::Parse(of);
  return one.ok() && other.ok() && one->agency() == other->agency() &&
         one->service() == other->service() && one->epoch() < other->epoch();
}

std::string_view SectionKindName(SectionKind kind) {
  switch (kind) {
    case SectionKind::kService:
      return "service";
    case SectionKind::kIdentity:
      return "identity";
    case SectionKind::kSocial:
      return "social";
    case SectionKind::kHealth:
      return "health";
    case SectionKind::kPayment:
      return "payment";
  }
  return "unknown";
}

std::optional<SectionKind> ParseSectionKind(std::string_view name) {
  for (SectionKind kind : kAllSectionKinds) {
    if (SectionKindName(kind) == name) return kind;
  }
  return std::nullopt;
}

}  // namespace polku
