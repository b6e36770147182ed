#include <utility>
#include <vector>

#include "adapters/cli/command.h"
#include "adapters/cli/event_input.h"
#include "adapters/cli/network.h"
#include "adapters/cli/text_file.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"

namespace polku::cli {
namespace {

constexpr size_t kMaxEventBytes = 4 << 20;

absl::StatusOr<EventDefaults> Defaults(const Args& args, const Target& target, size_t events) {
  EventDefaults defaults{.author_agency = target.agency,
                         .official = target.official,
                         .type = args.Get("type"),
                         .case_id = std::nullopt,
                         .id = std::nullopt,
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

ExitCode Publish(const Args& args, Io& io) {
  const auto target = FindTarget(args);
  if (!target.ok()) return Fail(io, target.status());
  const auto defaults = Defaults(args, *target, args.operands().size());
  if (!defaults.ok()) return FailUsage(io, ToStd(defaults.status().message()));
  const auto offer = ReadOffer(args, *defaults, io);
  if (!offer.ok()) return Fail(io, offer.status());
  const auto client = client::Client::Connect(target->options);
  if (!client.ok()) return Fail(io, client.status());
  const auto answer = (*client)->Publish(*offer);
  if (!answer.ok()) return Fail(io, answer.status());

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
  if (args.json()) {
    io.out << "{\"receipts\":[";
    for (int i = 0; i < answer->receipts_size(); ++i) {
      io.out << (i > 0 ? "," : "") << ReceiptJson(answer->receipts(i));
    }
    io.out << "]}\n";
    return kExitOk;
  }
  for (int i = 0; i < answer->receipts_size(); ++i) {
    const auto& receipt = answer->receipts(i);
    const auto id = EventId::FromBytes(receipt.event_id());
    const auto case_id =
        i < offer->events_size() ? CaseId::FromBytes(offer->events(i).case_id()) : std::nullopt;
    io.out << (receipt.repeated_offer() ? "was recorded before" : "recorded") << " at position "
           << receipt.position() << " of " << receipt.origin() << "\n  case "
           << (case_id ? FormatCaseId(*case_id) : "") << " revision " << receipt.case_revision()
           << "\n  event " << (id ? FormatEventId(*id) : "") << "\n  leaf "
           << ToHex(receipt.leaf_hash()) << "\n";
  }
  return kExitOk;
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
                 "the event id; default: derived from author, case, type and content"},
                {"expected-revision", "N",
                 "only if the case's revision in the service's log is N (0: none)"}}),
           .details = "FILE is one event, or - for standard input. JSON: "
                      "{\"case\":…,\"type\":…,\"event\":{…}} and perhaps\n"
                      "\"id\", \"official\", \"expected_revision\"; flags fill what it leaves out. "
                      "Anything that does not begin\n"
                      "with { is taken as protobuf text format and needs --type and --case. "
                      "Several files are one offer:\n"
                      "all are recorded, or none. Without an id, the same event offered again is a "
                      "repeat and gets its\n"
                      "first receipt; --id new records an equal event once more. The refusal goes "
                      "to the error stream, with\n"
                      "--json to the output.",
           .examples = "polku publish --as oulu-referral.textproto need.json\n"
                       "polku publish --as oulu-referral.textproto --new-case --type "
                       "polku.referral.v1.NeedIdentified need.textproto\n"
                       "echo "
                       "'{\"case\":\"0123456789abcdef0123456789abcdef\",\"type\":\"polku.referral."
                       "v1.CaseClosed\",\"event\":{\"closed_on\":\"2025-09-30\"}}' | polku publish "
                       "--to tcp://127.0.0.1:7410 --server-key curve.public --keys keys --agency "
                       "FI/MUN/0187690-1/oulu -"},
          Publish};
}

}  // namespace polku::cli
