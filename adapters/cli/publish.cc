#include <string>
#include <utility>
#include <vector>

#include "adapters/cli/command.h"
#include "adapters/cli/event_input.h"
#include "adapters/cli/network.h"
#include "adapters/cli/output.h"
#include "adapters/cli/text_file.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/file.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/proof/merkle_proof.h"
#include "eventstore/proof/note.h"
#include "eventstore/proof/proof_file.h"
#include "services/audit/event_json.h"

namespace polku::cli {
namespace {

using audit::JsonString;

constexpr size_t kMaxEventBytes = 4 << 20;
constexpr uint64_t kMaxWitnesses = 1'000;
constexpr uint64_t kMaxWaitSeconds = 60;

absl::StatusOr<EventDefaults> Defaults(const Args& args, const Target& target, size_t events) {
  EventDefaults defaults{.author_agency = target.agency,
                         .official = target.official,
                         .type = args.Get("type"),
                         .case_id = std::nullopt,
                         .id = std::nullopt,
                         .corrects = std::nullopt,
                         .expected_revision = std::nullopt};
  if (args.Has("case") && args.Has("new-case")) {
    return absl::InvalidArgumentError("give --case or --new-case, not both");
  }
  if (args.Has("case")) {
    defaults.case_id = ParseCaseId(args.Get("case"));
    if (!defaults.case_id) return absl::InvalidArgumentError("--case is not 32 hexadecimal digits");
  }
  if (args.Has("new-case")) defaults.case_id = NewCaseId(SystemRandom());
  if (args.Has("id")) {
    if (events > 1) return absl::InvalidArgumentError("--id is for one event");
    defaults.id =
        args.Get("id") == "new" ? NewEventId(SystemRandom()) : ParseEventId(args.Get("id"));
    if (!defaults.id || defaults.id->is_zero()) {
      return absl::InvalidArgumentError("--id is neither a UUID nor the word new");
    }
  }
  if (args.Has("corrects")) {
    if (events > 1) return absl::InvalidArgumentError("--corrects is for one event");
    defaults.corrects = ParseEventId(args.Get("corrects"));
    if (!defaults.corrects || defaults.corrects->is_zero()) {
      return absl::InvalidArgumentError("--corrects is not a UUID");
    }
  }
  POLKU_ASSIGN_OR_RETURN(defaults.expected_revision,
                         args.Number("expected-revision", 0, UINT64_MAX));
  return defaults;
}

bool LooksLikeJson(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

absl::StatusOr<exchange::v1::Offer> ReadOffer(const Args& args, const EventDefaults& defaults,
                                              Io& io) {
  exchange::v1::Offer offer;
  for (const std::string& path : args.operands()) {
    POLKU_ASSIGN_OR_RETURN(const std::string text, ReadInput(path, kMaxEventBytes, io));
    auto event =
        LooksLikeJson(text) ? ParseJsonEvent(text, defaults) : ParseTextEvent(text, defaults);
    if (!event.ok()) return Annotate(event.status(), path == "-" ? "standard input" : path);
    // The expectation is of the offer's first event of the case.
    if (offer.events_size() > 0 && defaults.expected_revision) event->clear_expected_revision();
    *offer.add_events() = *std::move(event);
  }
  return offer;
}

// --witnesses, --wait, --proof.
absl::Status ReadDurability(const Args& args, exchange::v1::Offer& offer) {
  POLKU_ASSIGN_OR_RETURN(const auto witnesses, args.Number("witnesses", 0, kMaxWitnesses));
  POLKU_ASSIGN_OR_RETURN(const auto seconds, args.Number("wait", 1, kMaxWaitSeconds));
  if (seconds && !witnesses) {
    return absl::InvalidArgumentError("--wait is for --witnesses: how long to wait for them");
  }
  offer.set_witnesses(static_cast<uint32_t>(witnesses.value_or(0)));
  offer.set_witness_timeout_ms(static_cast<uint32_t>(seconds.value_or(0) * 1'000));
  offer.set_want_proof(args.Has("proof"));
  return absl::OkStatus();
}

// Writes DIR/<event id>.tlog-proof for every receipt that has a proof; the files written. A file of an
// earlier proof of the same event is replaced: the newer has the later cosignatures.
absl::StatusOr<std::vector<std::string>> WriteProofs(const exchange::v1::OfferAnswer& answer,
                                                     const std::string& directory) {
  std::vector<std::string> files;
  if (answer.checkpoint().empty()) return files;
  POLKU_ASSIGN_OR_RETURN(const proof::Note note, proof::ParseNote(answer.checkpoint()));
  POLKU_ASSIGN_OR_RETURN(const proof::Checkpoint checkpoint,
                         proof::ParseCheckpointBody(note.body));
  POLKU_RETURN_IF_ERROR(MakeDirectories(directory));
  for (const auto& receipt : answer.receipts()) {
    if (receipt.origin() != checkpoint.origin) continue;  // of an earlier epoch: not in this log
    const auto id = EventId::FromBytes(receipt.event_id());
    const auto leaf = Hash::FromBytes(receipt.leaf_hash());
    auto hashes = proof::ParseProof(receipt.inclusion_proof());
    if (!hashes) {
      return absl::DataLossError("a hash of an inclusion proof has not 32 bytes, or there are too many");
    }
    const proof::InclusionFile file{.extra = std::nullopt,
                                    .index = Position(receipt.position()),
                                    .hashes = *std::move(hashes),
                                    .checkpoint = answer.checkpoint()};
    if (!id || !leaf) return absl::DataLossError("a receipt has a malformed id or leaf hash");
    // Whether the key is the right one is for whoever verifies the file; that it proves something is not.
    if (auto proven = proof::VerifyInclusion(file.index, checkpoint.size, *leaf, file.hashes,
                                             checkpoint.root);
        !proven.ok()) {
      return Error(absl::StatusCode::kDataLoss, "the service's proof of event ", FormatEventId(*id),
                   " does not hold: ", proven.message());
    }
    files.push_back(Str(directory, "/", FormatEventId(*id), ".tlog-proof"));
    POLKU_RETURN_IF_ERROR(ReplaceFile(files.back(), proof::FormatInclusionFile(file), 0644));
  }
  return files;
}

std::string Names(const google::protobuf::RepeatedPtrField<std::string>& agencies) {
  std::string text;
  for (const auto& agency : agencies) text += (text.empty() ? "" : ", ") + Plain(agency);
  return text;
}

// How to say the same events again: what this command made up must be given, or it makes up something else.
std::string AgainText(const Args& args, const exchange::v1::Offer& offer) {
  std::string flags;
  if (args.Has("new-case")) {
    const auto case_id = CaseId::FromBytes(offer.events(0).case_id());
    flags += Str(" --case ", case_id ? FormatCaseId(*case_id) : "");
  }
  if (args.Get("id") == "new") {
    const auto id = EventId::FromBytes(offer.events(0).event_id());
    flags += Str(" --id ", id ? FormatEventId(*id) : "");
  }
  if (flags.empty()) return "the same command again";
  return Str("the same command with", flags, " in place of ",
             args.Has("new-case") ? args.Get("id") == "new" ? "--new-case and --id new" : "--new-case"
                                  : "--id new");
}

// What the answer lacks of what was asked for, and the exit code that says so. The events are recorded.
ExitCode TellDurability(const Args& args, const exchange::v1::Offer& offer,
                        const exchange::v1::OfferAnswer& answer, size_t proofs, Io& io) {
  ExitCode code = kExitOk;
  const int witnesses = answer.witnessed_by_size();
  if (witnesses < static_cast<int>(offer.witnesses())) {
    io.err << "polku: RECORDED, but " << witnesses << " of " << offer.witnesses()
           << " agencies had confirmed it in time"
           << (witnesses > 0 ? " (" + Names(answer.witnessed_by()) + ")" : "")
           << "; " << AgainText(args, offer)
           << " asks again and records nothing twice\n";
    code = kExitUnavailable;
  }
  if (answer.unconfirmed()) {
    io.err << "polku: unconfirmed: no witness has been reached since the service's start; should its "
              "log turn out to be an old copy, this will have to be offered again\n";
  }
  if (args.Has("proof") && proofs < static_cast<size_t>(answer.receipts_size())) {
    io.err << "polku: recorded, but without a proof of every event: "
           << (answer.checkpoint().empty()
                   ? "the service could make none (its status says why, or all are in an earlier "
                     "epoch's log)"
                   : "some are in an earlier epoch's log")
           << "; `polku prove` makes them where the log is held\n";
    code = kExitUnavailable;
  }
  return code;
}

void PrintReceipts(const exchange::v1::Offer& offer, const exchange::v1::OfferAnswer& answer,
                   Io& io) {
  for (int i = 0; i < answer.receipts_size(); ++i) {
    const auto& receipt = answer.receipts(i);
    const auto id = EventId::FromBytes(receipt.event_id());
    const auto case_id =
        i < offer.events_size() ? CaseId::FromBytes(offer.events(i).case_id()) : std::nullopt;
    io.out << (receipt.repeated_offer() ? "was recorded before" : "recorded") << " at position "
           << receipt.position() << " of " << receipt.origin() << "\n  case "
           << (case_id ? FormatCaseId(*case_id) : "") << " revision " << receipt.case_revision()
           << "\n  event " << (id ? FormatEventId(*id) : "") << "\n  leaf "
           << ToHex(receipt.leaf_hash()) << "\n";
  }
}

ExitCode Publish(const Args& args, Io& io) {
  const auto target = FindTarget(args);
  if (!target.ok()) return Fail(io, target.status());
  const auto defaults = Defaults(args, *target, args.operands().size());
  if (!defaults.ok()) return FailUsage(io, ToStd(defaults.status().message()));
  auto offer = ReadOffer(args, *defaults, io);
  if (!offer.ok()) return Fail(io, offer.status());
  if (const auto durability = ReadDurability(args, *offer); !durability.ok()) {
    return FailUsage(io, ToStd(durability.message()));
  }
  const auto client = client::Client::Connect(target->options);
  if (!client.ok()) return Fail(io, client.status());
  // Before sending: should this program be ended now, the ids are what the event can be said again by.
  if (args.Has("new-case") || args.Get("id") == "new") {
    for (const auto& event : offer->events()) {
      const auto case_id = CaseId::FromBytes(event.case_id());
      const auto id = EventId::FromBytes(event.event_id());
      io.err << "polku: offering case " << (case_id ? FormatCaseId(*case_id) : "") << " event "
             << (id ? FormatEventId(*id) : "") << "\n"
             << std::flush;
    }
  }
  const auto answer = (*client)->Publish(*offer);
  if (!answer.ok()) {
    const ExitCode code = Fail(io, answer.status());
    if (absl::IsUnavailable(answer.status()) || absl::IsDeadlineExceeded(answer.status())) {
      io.err << "polku: whether it is recorded is not known; " << AgainText(args, *offer)
             << " records nothing twice\n";
    }
    return code;
  }

  if (answer->has_refusal()) {
    const auto& refusal = answer->refusal();
    if (args.json()) {
      io.out << "{\"refusal\":" << RefusalJson(refusal) << "}\n";
    } else {
      const size_t index = refusal.event_index();
      const bool many = args.operands().size() > 1 && index < args.operands().size();
      io.err << "polku: " << (many ? args.operands()[index] + ": " : "") << RefusalText(refusal)
             << "\n";
      if (many) io.err << "polku: nothing of this offer was recorded\n";
    }
    return ExitCodeFor(refusal);
  }
  std::vector<std::string> files;
  absl::Status written;
  if (args.Has("proof")) {
    auto proofs = WriteProofs(*answer, args.Get("proof"));
    written = proofs.status();
    if (proofs.ok()) files = *std::move(proofs);
  }
  if (args.json()) {
    io.out << "{\"receipts\":[";
    for (int i = 0; i < answer->receipts_size(); ++i) {
      io.out << (i > 0 ? "," : "") << ReceiptJson(answer->receipts(i));
    }
    io.out << "],\"witnessed_by\":[";
    for (int i = 0; i < answer->witnessed_by_size(); ++i) {
      io.out << (i > 0 ? "," : "") << JsonString(answer->witnessed_by(i));
    }
    io.out << "],\"unconfirmed\":" << (answer->unconfirmed() ? "true" : "false")
           << ",\"proofs\":[";
    for (size_t i = 0; i < files.size(); ++i) {
      io.out << (i > 0 ? "," : "") << JsonString(files[i]);
    }
    io.out << "]}\n";
  } else {
    PrintReceipts(*offer, *answer, io);
    if (answer->witnessed_by_size() > 0) {
      io.out << "witnessed by " << Names(answer->witnessed_by()) << "\n";
    }
    for (const std::string& file : files) io.out << "proof " << file << "\n";
  }
  if (!written.ok()) {
    io.err << "polku: the events are recorded; their proofs were not written\n";
    return Fail(io, written);
  }
  return TellDurability(args, *offer, *answer, files.size(), io);
}

}  // namespace

Command PublishCommand() {
  return {{.name = "publish",
           .summary = "offer an event to a service; prints the receipt or the refusal",
           .operands = "FILE…",
           .min_operands = 1,
           .max_operands = 1'024,
           .flags = NetworkFlags(
               {{"case", "ID", "the case, 32 hexadecimal digits"},
                {"new-case", "", "open a new case with a random id; the receipt tells it"},
                {"type", "TYPE", "the event's type, for text format"},
                {"id", "UUID|new",
                 "the event id; default: derived from author, case, type, content and --corrects"},
                {"corrects", "UUID", "the event of the same case that this one takes the place of"},
                {"expected-revision", "N",
                 "only if the case's revision in the service's log is N (0: none)"},
                {"witnesses", "K",
                 "wait until services of K other agencies have cosigned the log with the events in it"},
                {"wait", "SECONDS", "how long to wait for them, 1 to 60; 10"},
                {"proof", "DIR", "write EVENT-ID.tlog-proof for each event: its inclusion in the log"}}),
           .details = "FILE is one event, or - for standard input. JSON: "
                      "{\"case\":…,\"type\":…,\"event\":{…}} and perhaps\n"
                      "\"id\", \"official\", \"corrects\", \"expected_revision\"; flags fill what it leaves out. "
                      "Anything that does not begin\n"
                      "with { is taken as protobuf text format and needs --type and --case. "
                      "Several files are one offer:\n"
                      "all are recorded, or none. Without an id, the same event offered again is a "
                      "repeat and gets its\n"
                      "first receipt; --id new records an equal event once more. The refusal goes "
                      "to the error stream, with\n"
                      "--json to the output. Exit code 4 with receipts printed: RECORDED, but fewer "
                      "than K agencies (or no\n"
                      "proof) in time; nothing is lost, the same command again asks again. "
                      "After --new-case or --id new it would be\n"
                      "another event: say it again with --case and --id, which are printed before it is "
                      "sent.",
           .examples = "polku publish --as oulu-referral.textproto need.json\n"
                       "polku publish --as oulu-referral.textproto --new-case --type "
                       "polku.referral.v1.NeedIdentified need.textproto\n"
                       "polku publish --as oulu-referral.textproto --witnesses 2 --proof proofs "
                       "need.json\n"
                       "echo "
                       "'{\"case\":\"0123456789abcdef0123456789abcdef\",\"type\":\"polku.referral."
                       "v1.CaseClosed\",\"event\":{\"closed_on\":\"2025-09-30\"}}' | polku publish "
                       "--to tcp://127.0.0.1:7410 --server-key curve.public --keys keys --agency "
                       "FI/MUN/0187690-1/oulu -"},
          Publish};
}

}  // namespace polku::cli
