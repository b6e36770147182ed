#include "adapters/cli/access.h"

#include <array>
#include <memory>
#include <utility>

#include "absl/time/clock.h"
#include "adapters/cli/network.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "services/access/case_access.h"
#include "services/core/finnish_ids.h"
#include "services/core/offer_checks.h"
#include "services/host/key_changes.h"
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

absl::Status CheckBasis(const std::string& text) {
  if (text.size() > kMaxBasisBytes) {
    return Error(absl::StatusCode::kInvalidArgument, "--basis is longer than ", kMaxBasisBytes, " bytes");
  }
  if (service::ContainsPersonalIdentityCode(text)) {
    return Error(absl::StatusCode::kInvalidArgument,
                 "--basis holds a personal identity code; the record of reads names nobody but the official, by "
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

// As what the service's own key counts, by the configuration and what its log announced since: a key that came in
// the place of the configured one has its rights.
absl::StatusOr<const host::PrincipalConfig*> OwnPrincipal(const host::Config& config,
                                                          const host::KeysInForce& in_force,
                                                          const zeromq::CurveKey& key) {
  const host::PrincipalConfig* own = in_force.Principal(key);
  if (own != nullptr && own->may_operate) return own;
  if (own == nullptr && in_force.IsGivenUp(key)) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 "the service's CURVE key is replaced as one in wrong hands; start the service anew: it takes the "
                 "new key then");
  }
  return Error(absl::StatusCode::kFailedPrecondition,
               "the service's own key may not record reads; add to its configuration: principals { agency: \"",
               config.origin.agency(), "\" curve_key: \"", zeromq::FormatCurveKey(key),
               "\" rights: RIGHT_OPERATE }");
}

}  // namespace

std::vector<Flag> AccessFlags(std::vector<Flag> more) {
  std::vector<Flag> flags = {
      {"official", "NAME", "who reads, by pseudonym; put on record"},
      {"purpose", "CODE", kPurposeHelp},
      {"basis", "TEXT", "by which law or rule; no personal data"},
      {"stopped", "", "the service is stopped on purpose and its directories are no old copy"},
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
  if (!args.Has("config")) {
    return Error(absl::StatusCode::kInvalidArgument,
                 "whose history? give --config with the service's configuration file");
  }
  for (const char* flag : {"official", "purpose", "basis"}) {
    if (args.GetOr(flag, "").find_first_not_of(" \t\r\n") != std::string::npos) continue;
    return Error(absl::StatusCode::kInvalidArgument, "--", flag,
                 " is missing: whoever reads personal data says who they are, what for and by which law, and "
                 "the client can be told. For example: ",
                 kExample);
  }
  const auto purpose = ParsePurpose(args.Get("purpose"));
  if (!purpose) {
    return Error(absl::StatusCode::kInvalidArgument, "--purpose is not one of those on record: ",
                 kPurposeHelp.substr(kPurposeHelp.find(": ") + 2));
  }
  AccessClaim claim{
      .official = args.Get("official"), .purpose = *purpose, .legal_basis = args.Get("basis"),
      .stopped = args.Has("stopped")};
  if (!service::IsOfficialLabel(claim.official)) {
    return Error(absl::StatusCode::kInvalidArgument,
                 "--official is the agency's pseudonym of the worker: at most 64 of A-Z a-z 0-9 . _ -, and never a "
                 "personal identity code");
  }
  POLKU_RETURN_IF_ERROR(CheckBasis(claim.legal_basis));
  return claim;
}

absl::Status RecordAccess(const host::Config& config, std::string_view official, bool stopped,
                          log::Engine& engine, const access::v1::AccessRecorded& access) {
  const auto target = OwnService(config);
  if (!target.ok()) return NotRecorded(target.status());
  const auto announced = host::ReadAnnounced(engine, config);
  if (!announced.ok()) return NotRecorded(announced.status());
  const host::KeysInForce in_force(config, *announced);
  const auto own = OwnPrincipal(config, in_force, target->options.keys.public_key);
  if (!own.ok()) return NotRecorded(own.status());
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
  const bool may_write = stopped || config.witnesses.empty();
  for (;;) {
    const absl::StatusOr<exchange::v1::OfferAnswer> appended =
        may_write ? host::OfferToStopped(config, **own, offer)
                  : absl::UnavailableError(
                        "if the service is stopped, no witness can be asked whether this is an old copy of "
                        "its log: start it, or, if its directories were not put back from a backup, say "
                        "--stopped");
    if (appended.ok()) {
      const absl::Status answered = FromAnswer(*appended);
      return answered.ok() ? answered : NotRecorded(answered);
    }
    // Not ours to open: the service runs, perhaps as another user.
    if (!absl::IsUnavailable(appended.status()) && !absl::IsPermissionDenied(appended.status())) {
      return NotRecorded(appended.status());
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
    if (!may_write || !absl::IsUnavailable(client.status()) || absl::Now() > patience) {
      return NotRecorded(Error(client.status().code(), ToStd(client.status().message()), " (",
                               ToStd(appended.status().message()), ")"));
    }
  }
}

}  // namespace polku::cli
