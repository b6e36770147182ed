#include "adapters/cli/access.h"

#include <array>
#include <memory>
#include <utility>

#include "absl/time/clock.h"
#include "adapters/cli/network.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "services/access/case_access.h"
#include "services/core/finnish_ids.h"
#include "services/host/keys.h"
#include "services/host/offline.h"

namespace polku::cli {
namespace {

using access::v1::AccessPurpose;

constexpr std::array<std::pair<std::string_view, AccessPurpose>, 8> kPurposes = {{
    {"case-handling", access::v1::ACCESS_PURPOSE_CASE_HANDLING},
    {"payment", access::v1::ACCESS_PURPOSE_PAYMENT},
    {"client-request", access::v1::ACCESS_PURPOSE_CLIENT_REQUEST},
    {"correction", access::v1::ACCESS_PURPOSE_CORRECTION},
    {"supervision", access::v1::ACCESS_PURPOSE_SUPERVISION},
    {"statistics", access::v1::ACCESS_PURPOSE_STATISTICS},
    {"records-management", access::v1::ACCESS_PURPOSE_RECORDS_MANAGEMENT},
    {"technical", access::v1::ACCESS_PURPOSE_TECHNICAL},
}};
constexpr std::string_view kPurposeHelp =
    "what for: case-handling, payment, client-request, correction, supervision, statistics, "
    "records-management, technical";
constexpr std::string_view kExample =
    "--official etuus-3 --purpose case-handling --basis \"laki 189/2001 § 7\"";

constexpr size_t kMaxBasisBytes = 512;
// A stopped service that is being started, or another command that records at this moment, is waited for.
constexpr absl::Duration kPatience = absl::Seconds(15);
constexpr absl::Duration kConnect = absl::Seconds(3);

absl::Status CheckText(std::string_view flag, const std::string& text, size_t max_bytes) {
  if (text.size() > max_bytes) {
    return Error(absl::StatusCode::kInvalidArgument, "--", flag, " is longer than ", max_bytes, " bytes");
  }
  if (service::ContainsPersonalIdentityCode(text)) {
    return Error(absl::StatusCode::kInvalidArgument, "--", flag,
                 " holds a personal identity code; the record of reads names nobody but the official, by "
                 "pseudonym");
  }
  return absl::OkStatus();
}

absl::Status NotRecorded(const absl::Status& why) {
  return Annotate(why, "the read is not on record, so nothing is shown");
}

absl::Status FromAnswer(const exchange::v1::OfferAnswer& answer) {
  if (answer.receipts_size() == 1) return absl::OkStatus();
  const exchange::v1::Refusal& refusal = answer.refusal();
  const auto code = refusal.kind() == exchange::v1::REFUSAL_KIND_TRY_AGAIN
                        ? absl::StatusCode::kUnavailable
                    : refusal.kind() == exchange::v1::REFUSAL_KIND_INVALID
                        ? absl::StatusCode::kInvalidArgument
                        : absl::StatusCode::kPermissionDenied;
  return Error(code, RefusalText(refusal));
}

}  // namespace

std::vector<Flag> AccessFlags(std::vector<Flag> more) {
  std::vector<Flag> flags = {
      {"official", "NAME", "who reads, by pseudonym; put on record"},
      {"purpose", "CODE", kPurposeHelp},
      {"basis", "TEXT", "by which law or rule; no personal data"},
  };
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

std::optional<AccessPurpose> ParsePurpose(std::string_view text) {
  for (const auto& [code, purpose] : kPurposes) {
    if (code == text) return purpose;
  }
  return std::nullopt;
}

absl::StatusOr<AccessClaim> ReadAccessClaim(const Args& args) {
  for (const char* flag : {"official", "purpose", "basis"}) {
    if (args.Has(flag)) continue;
    return Error(absl::StatusCode::kInvalidArgument, "--", flag,
                 " is missing: whoever reads personal data says who they are, what for and by which law, and "
                 "the client can be told. For example: ",
                 kExample);
  }
  const auto purpose = ParsePurpose(args.Get("purpose"));
  if (!purpose) {
    return Error(absl::StatusCode::kInvalidArgument, "--purpose is not one of those on record: ",
                 kPurposeHelp.substr(kPurposeHelp.find(' ') + 1));
  }
  AccessClaim claim{
      .official = args.Get("official"), .purpose = *purpose, .legal_basis = args.Get("basis")};
  POLKU_RETURN_IF_ERROR(CheckText("official", claim.official, log::kMaxNameBytes));
  POLKU_RETURN_IF_ERROR(CheckText("basis", claim.legal_basis, kMaxBasisBytes));
  return claim;
}

absl::Status RecordAccess(const host::Config& config, std::string_view official,
                          const access::v1::AccessRecorded& access) {
  const auto target = OwnService(config);
  if (!target.ok()) return NotRecorded(target.status());
  const auto found = config.principals.find(target->options.keys.public_key);
  if (found == config.principals.end() || !found->second.may_operate) {
    return NotRecorded(
        Error(absl::StatusCode::kFailedPrecondition,
              "the service's own key may not record reads; add to its configuration: principals { agency: \"",
              config.origin.agency(), "\" curve_key: \"",
              zeromq::FormatCurveKey(target->options.keys.public_key), "\" rights: RIGHT_OPERATE }"));
  }
  exchange::v1::Offer offer;
  auto* event = offer.add_events();
  event->set_event_id(std::string(NewEventId(SystemRandom()).view()));
  const CaseId read = CaseId::FromBytes(access.case_id()).value_or(CaseId());
  event->set_case_id(std::string(access::AccessStreamOf(read).view()));
  event->set_type(access::v1::AccessRecorded::descriptor()->full_name());
  event->set_official(std::string(official));
  event->set_body(access.SerializeAsString());

  // The same event id each time: what an attempt without an answer did append is not appended twice.
  const absl::Time patience = absl::Now() + kPatience;
  for (;;) {
    const auto stopped = host::OfferToStopped(config, found->second, offer);
    if (stopped.ok()) {
      const absl::Status answered = FromAnswer(*stopped);
      return answered.ok() ? answered : NotRecorded(answered);
    }
    // Not ours to open: the service runs, perhaps as another user.
    if (!absl::IsUnavailable(stopped.status()) && !absl::IsPermissionDenied(stopped.status())) {
      return NotRecorded(stopped.status());
    }
    client::ClientOptions options = target->options;
    options.timeout = kConnect;
    const auto client = client::Client::Connect(options);
    if (client.ok()) {
      const auto answer = (*client)->Publish(offer);
      if (answer.ok()) {
        const absl::Status answered = FromAnswer(*answer);
        return answered.ok() ? answered : NotRecorded(answered);
      }
      return NotRecorded(answer.status());
    }
    if (!absl::IsUnavailable(client.status()) || absl::Now() > patience) {
      return NotRecorded(Error(client.status().code(), ToStd(client.status().message()), " (",
                               stopped.status().message(), ")"));
    }
  }
}

}  // namespace polku::cli
