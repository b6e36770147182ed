#include "services/audit/payments.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "adapters/cli/command.h"
#include "adapters/cli/event_input.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/labels_tables.h"
#include "adapters/cli/local_text.h"
#include "adapters/cli/network.h"
#include "adapters/cli/output.h"
#include "adapters/cli/reading.h"
#include "adapters/csv/table.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/file.h"
#include "eventstore/base/money.h"
#include "eventstore/base/status.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "services/audit/event_json.h"
#include "services/core/finnish_ids.h"
#include "services/core/offer_checks.h"

namespace polku::cli {
namespace {

namespace v1 = compensation::v1;
using audit::Account;
using audit::JsonString;
using audit::PaymentDraft;
using service::Payment;
using service::PaymentStatus;

constexpr Texts kCaseWord = {"asia", "ärende", "case"};
constexpr Texts kDays = {"ajalta", "för tiden", "days"};
constexpr Texts kLines = {"rivejä", "rader", "lines"};
constexpr Texts kRecovered = {"vähennetään", "avdras", "netted"};
constexpr Texts kSum = {"summa €", "summa €", "sum €"};
constexpr Texts kState = {"tila", "status", "status"};
constexpr Texts kToPay = {"maksettavaa", "att betala", "to pay"};
constexpr Texts kClaim = {"takaisinperittävä", "återkrävs", "claimed back"};
constexpr Texts kNoAccount = {"tilinumero puuttuu", "kontonummer saknas", "no account"};
constexpr Texts kRefused = {"ei hyväksytty", "inte godtaget", "refused"};
constexpr Texts kProposed = {"ehdotettu", "föreslagen", "proposed"};
constexpr Texts kApproved = {"hyväksytty", "godkänd", "approved"};
constexpr Texts kPaid = {"maksettu", "betald", "paid"};
constexpr Texts kRejected = {"hylätty", "förkastad", "rejected"};
constexpr Texts kReversed = {"peruttu", "återförd", "reversed"};
constexpr Texts kNoBatch = {"(ei erää)", "(inget parti)", "(none)"};
constexpr Texts kUnsettled = {"Vielä maksamatta", "Ännu inte reglerat", "Not settled yet"};

// What is wrong with --accounts.
constexpr Texts kAccountColumns = {"sarakkeet ovat tapaus;iban tai tapaus;iban;viite",
                                   "kolumnerna är tapaus;iban eller tapaus;iban;viite",
                                   "the columns are tapaus;iban or tapaus;iban;viite"};
constexpr Texts kBadCase = {"tapaus on 32 heksadesimaalinumeroa", "ett ärende är 32 hexadecimala siffror",
                            "a case is 32 hexadecimal digits"};
constexpr Texts kBadIban = {"IBAN isoin kirjaimin ilman välilyöntejä; tarkistusnumerot eivät täsmää",
                            "IBAN med versaler utan mellanslag; kontrollsiffrorna stämmer inte",
                            "an IBAN in capitals without spaces; its check digits do not hold"};
constexpr Texts kBadReference = {"viitenumeron tarkistusnumero ei täsmää", "referensnumrets kontrollsiffra stämmer inte",
                                 "the reference number's check digit does not hold"};
constexpr Texts kCaseTwice = {"tapaus on jo aiemmalla rivillä", "ärendet finns redan på en tidigare rad",
                              "this case is on an earlier line already"};

const Texts& StatusTexts(PaymentStatus status) {
  switch (status) {
    case PaymentStatus::kProposed:
      return kProposed;
    case PaymentStatus::kApproved:
      return kApproved;
    case PaymentStatus::kPaid:
      return kPaid;
    case PaymentStatus::kRejected:
      return kRejected;
    case PaymentStatus::kReversed:
      return kReversed;
  }
  return kProposed;
}

std::string Euros(int64_t cents, Language language) { return MoneyText(Cents(cents), language); }

// "1.3.2025–31.3.2025"; "" where the days are sealed.
std::string DaysText(const std::string& from, const std::string& until, Language language) {
  return from.empty() && until.empty() ? "" : Str(DayText(from, language), "–", DayText(until, language));
}

// "tapaus;iban;viite", the last column may be left out: accounts from the payer's own system.
absl::StatusOr<std::map<CaseId, Account>> ReadAccounts(const std::string& path, Language language) {
  constexpr size_t kMaxBytes = 4 << 20;
  std::map<CaseId, Account> accounts;
  if (path.empty()) return accounts;
  POLKU_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxBytes));
  std::vector<csv::Problem> problems;
  const auto spoken = static_cast<csv::SheetLanguage>(language);
  const csv::Table table = csv::ParseTable(text, {.language = spoken}, problems);
  const auto problem = [&](const csv::Problem& what) {
    return Error(absl::StatusCode::kInvalidArgument, path, ": ", csv::FormatProblem(what, spoken));
  };
  if (!problems.empty()) return problem(problems.front());
  std::vector<std::string> header;
  for (const auto& cell : table.rows.front().cells) header.push_back(cell.text);
  const bool references = header == std::vector<std::string>{"tapaus", "iban", "viite"};
  if (!references && header != std::vector<std::string>{"tapaus", "iban"}) {
    return problem({table.rows.front().line, 0, Say(kAccountColumns, language)});
  }
  for (size_t i = 1; i < table.rows.size(); ++i) {
    const csv::Row& row = table.rows[i];
    const auto case_id = ParseCaseId(row.cells[0].text);
    if (!case_id) return problem({row.line, 1, Say(kBadCase, language)});
    Account account{row.cells[1].text, references ? row.cells[2].text : ""};
    if (!service::IsValidIban(account.iban)) {
      return problem({row.line, 2, Say(kBadIban, language)});
    }
    if (!account.reference_number.empty() &&
        !service::IsValidReferenceNumber(account.reference_number)) {
      return problem({row.line, 3, Say(kBadReference, language)});
    }
    if (!accounts.try_emplace(*case_id, std::move(account)).second) {
      return problem({row.line, 1, Say(kCaseTwice, language)});
    }
  }
  return accounts;
}

// What one case's payment comes to.
struct Row {
  CaseId case_id;
  std::string payment_id;
  std::string batch;
  std::string from;
  std::string until;
  size_t lines = 0;
  int64_t recovered = 0;  // of the lines: what was taken away, not above 0
  int64_t total = 0;
  const Texts* state = nullptr;
  std::optional<exchange::v1::Refusal> refusal;
};

std::string RowJson(const Row& row) {
  return Str("{\"case\":\"", FormatCaseId(row.case_id), "\",\"payment_id\":", JsonString(row.payment_id),
             ",\"batch\":", JsonString(row.batch), ",\"covers_from\":", JsonString(row.from),
             ",\"covers_until\":", JsonString(row.until), ",\"lines\":", row.lines,
             ",\"recovered_cents\":", row.recovered, ",\"total_cents\":", row.total,
             ",\"state\":", JsonString((*row.state)[2]),
             row.refusal ? Str(",\"refusal\":", RefusalJson(*row.refusal)) : "", "}");
}

// The rows, then how many there are in each state and what they come to.
void PrintRows(std::string_view batch, const std::vector<Row>& rows, Language language, bool json,
               Io& io) {
  std::map<std::string, std::pair<size_t, int64_t>> sums;
  for (const Row& row : rows) {
    auto& [count, cents] = sums[json ? std::string((*row.state)[2]) : Say(*row.state, language)];
    ++count;
    cents += row.total;
  }
  if (json) {
    io.out << "{\"batch\":" << JsonString(batch) << ",\"payments\":[";
    for (size_t i = 0; i < rows.size(); ++i) io.out << (i > 0 ? "," : "") << RowJson(rows[i]);
    io.out << "],\"sums\":{";
    bool first = true;
    for (const auto& [state, sum] : sums) {
      io.out << (first ? "" : ",") << JsonString(state) << ":{\"payments\":" << sum.first
             << ",\"total_cents\":" << sum.second << "}";
      first = false;
    }
    io.out << "}}\n";
    return;
  }
  TextTable table({Say(kCaseWord, language), Say(kDays, language), Say(kLines, language),
                   Say(kRecovered, language), Say(kSum, language), Say(kState, language)});
  for (const Row& row : rows) {
    table.Add({FormatCaseId(row.case_id), DaysText(row.from, row.until, language), std::to_string(row.lines),
               Euros(row.recovered, language), Euros(row.total, language),
               row.refusal ? Str(Say(*row.state, language), ": ", Plain(row.refusal->code()))
                           : Say(*row.state, language)});
  }
  table.Print(io.out);
  for (const auto& [state, sum] : sums) {
    io.out << (batch.empty() ? "" : Str(Label(Word::kBatch, language), " ", Plain(batch), ": ")) << state
           << " " << sum.first << ", " << Euros(sum.second, language) << " €\n";
  }
}

class Payments {
 public:
  Payments(const Args& args, Language language, const audit::PaymentsFold& fold, absl::CivilDay today, Io& io)
      : args_(args), language_(language), fold_(fold), today_(today), io_(io) {}

  ExitCode Propose(const Target* target, const std::map<CaseId, Account>& accounts,
                   absl::CivilDay from, absl::CivilDay until) {
    const std::string batch = args_.Get("batch");
    std::vector<Row> rows;
    std::vector<exchange::v1::Offer> offers;
    std::vector<size_t> row_of_offer;
    for (const auto& [case_id, held] : fold_.cases()) {
      if (!Wanted(case_id)) continue;
      const auto draft = audit::DraftPayment(held.ledger, fold_.agency(), from, until, today_);
      if (!draft) continue;
      Row row = RowOf(case_id, batch, *draft);
      const auto given = accounts.find(case_id);
      const Account& account = given == accounts.end() ? held.account : given->second;
      row.payment_id = FreeLabel(held.ledger, batch);
      row.state = draft->total_cents <= 0    ? &kClaim
                  : account.iban.empty()     ? &kNoAccount
                                             : &kToPay;
      if (row.state == &kToPay && target != nullptr) {
        offers.push_back(OfferOf(case_id, Proposal(row, *draft, account), *target));
        row_of_offer.push_back(rows.size());
      }
      rows.push_back(std::move(row));
    }
    const ExitCode code = Send(target, offers, row_of_offer, kProposed, rows);
    PrintRows(batch, rows, language_, args_.json(), io_);
    const bool without = std::any_of(rows.begin(), rows.end(), [](const Row& row) {
      return row.state == &kNoAccount;
    });
    if (without) {
      io_.err << "polku: no account is known of some cases; give them in --accounts FILE (tapaus;iban;viite) and "
                 "propose again\n";
    }
    return code == kExitOk && without ? kExitRefused : code;
  }

  // approve, reject, paid.
  ExitCode Move(std::string_view action, const Target& target, absl::CivilDay on,
                v1::RejectionReason reason) {
    const std::string batch = args_.operands()[1];
    const std::set<PaymentStatus> from = action == "paid"
                                             ? std::set{PaymentStatus::kApproved}
                                         : action == "approve"
                                             ? std::set{PaymentStatus::kProposed}
                                             : std::set{PaymentStatus::kProposed, PaymentStatus::kApproved};
    const Texts& done = action == "paid" ? kPaid : action == "approve" ? kApproved : kRejected;
    std::vector<Row> rows;
    std::vector<exchange::v1::Offer> offers;
    std::vector<size_t> row_of_offer;
    bool known = false;
    Each(batch, [&](const CaseId& case_id, const std::string& id, const Payment& payment) {
      known = true;
      if (!from.contains(payment.status)) return;
      Row row = RowOf(case_id, id, payment);
      std::unique_ptr<google::protobuf::Message> event;
      if (action == "paid") {
        auto paid = std::make_unique<v1::PaymentPaid>();
        paid->set_payment_id(id);
        paid->set_paid_on(FormatDay(on));
        paid->set_total_cents(payment.total_cents);
        paid->set_archive_reference(args_.Get("archive"));
        event = std::move(paid);
      } else if (action == "approve") {
        auto approved = std::make_unique<v1::PaymentApproved>();
        approved->set_payment_id(id);
        approved->set_approved_on(FormatDay(on));
        approved->set_total_cents(payment.total_cents);
        event = std::move(approved);
      } else {
        auto rejected = std::make_unique<v1::PaymentRejected>();
        rejected->set_payment_id(id);
        rejected->set_rejected_on(FormatDay(on));
        rejected->set_reason(reason);
        event = std::move(rejected);
      }
      offers.push_back(OfferOf(case_id, *event, target));
      row_of_offer.push_back(rows.size());
      rows.push_back(std::move(row));
    });
    if (!known) {
      return Fail(io_, Error(absl::StatusCode::kNotFound, "no payment of the batch ", Plain(batch),
                             " is held here; `polku payments status` lists the batches"));
    }
    const ExitCode code = Send(&target, offers, row_of_offer, done, rows);
    PrintRows(batch, rows, language_, args_.json(), io_);
    return code;
  }

  ExitCode Status() {
    std::vector<Row> rows;
    if (args_.operands().size() == 2) {
      const std::string batch = args_.operands()[1];
      Each(batch, [&](const CaseId& case_id, const std::string& id, const Payment& payment) {
        rows.push_back(RowOf(case_id, id, payment));
      });
      if (rows.empty()) {
        return Fail(io_, Error(absl::StatusCode::kNotFound, "no payment of the batch ", Plain(batch),
                               " is held here; `polku payments status` lists the batches"));
      }
      PrintRows(batch, rows, language_, args_.json(), io_);
      return kExitOk;
    }
    std::map<std::string, std::map<PaymentStatus, std::pair<size_t, int64_t>>> batches;
    for (const auto& [case_id, held] : fold_.cases()) {
      if (!Wanted(case_id)) continue;
      for (const auto& [key, payment] : held.ledger.payments()) {
        if (!Ours(held.ledger, payment)) continue;
        auto& [count, cents] = batches[payment.batch_id][payment.status];
        ++count;
        cents += payment.total_cents - payment.reversed_cents;
      }
      const auto draft =
          audit::DraftPayment(held.ledger, fold_.agency(), absl::CivilDay(1900, 1, 1), today_, today_);
      if (!draft) continue;
      Row row = RowOf(case_id, "", *draft);
      row.from = FormatDay(draft->lines.front()->date);
      row.until = FormatDay(draft->lines.back()->date);
      row.state = draft->total_cents <= 0 ? &kClaim : &kToPay;
      rows.push_back(std::move(row));
    }
    if (args_.json()) {
      io_.out << "{\"agency\":" << JsonString(fold_.agency()) << ",\"batches\":[";
      bool first = true;
      for (const auto& [batch, states] : batches) {
        for (const auto& [status, sum] : states) {
          io_.out << (first ? "" : ",") << "{\"batch\":" << JsonString(batch) << ",\"state\":"
                  << JsonString(StatusTexts(status)[2]) << ",\"payments\":" << sum.first
                  << ",\"total_cents\":" << sum.second << "}";
          first = false;
        }
      }
      io_.out << "],\"unsettled\":[";
      for (size_t i = 0; i < rows.size(); ++i) io_.out << (i > 0 ? "," : "") << RowJson(rows[i]);
      io_.out << "]}\n";
      return kExitOk;
    }
    TextTable table({std::string(Label(Word::kBatch, language_)), Say(kState, language_),
                     std::string(Label(Word::kCases, language_)), Say(kSum, language_)});
    for (const auto& [batch, states] : batches) {
      for (const auto& [status, sum] : states) {
        table.Add({batch.empty() ? Say(kNoBatch, language_) : Plain(batch),
                   Say(StatusTexts(status), language_), std::to_string(sum.first), Euros(sum.second, language_)});
      }
    }
    table.Print(io_.out);
    io_.out << "\n" << Say(kUnsettled, language_) << "\n";
    PrintRows("", rows, language_, false, io_);
    return kExitOk;
  }

 private:
  bool Wanted(const CaseId& case_id) const {
    return !args_.Has("case") || ParseCaseId(args_.Get("case")) == case_id;
  }

  // Of this agency, or of one that has ended and whose place it took.
  bool Ours(const service::Ledger& ledger, const Payment& payment) const {
    return ledger.successors().Settling(payment.agency, today_) == fold_.agency();
  }

  template <typename Visit>
  void Each(const std::string& batch, Visit visit) const {
    for (const auto& [case_id, held] : fold_.cases()) {
      if (!Wanted(case_id)) continue;
      for (const auto& [key, payment] : held.ledger.payments()) {
        if (Ours(held.ledger, payment) && payment.batch_id == batch) visit(case_id, key.second, payment);
      }
    }
  }

  static Row RowOf(const CaseId& case_id, const std::string& batch, const PaymentDraft& draft) {
    Row row{case_id, "", batch, FormatDay(draft.from), FormatDay(draft.until)};
    row.lines = draft.lines.size();
    for (const auto* posting : draft.lines) row.recovered += std::min<int64_t>(0, posting->cents);
    row.total = draft.total_cents;
    return row;
  }
  static Row RowOf(const CaseId& case_id, const std::string& id, const Payment& payment) {
    Row row{case_id, id, payment.batch_id, payment.from ? FormatDay(*payment.from) : "",
            payment.until ? FormatDay(*payment.until) : ""};
    row.lines = payment.lines.size();
    row.recovered = -payment.reversed_cents;
    row.total = payment.total_cents - payment.reversed_cents;
    row.state = &StatusTexts(payment.status);
    return row;
  }

  // The batch's own name, numbered where the case has had a payment of it before (rejected, or corrected since).
  std::string FreeLabel(const service::Ledger& ledger, const std::string& batch) const {
    std::string label = batch;
    for (int i = 2; ledger.FindPayment(fold_.agency(), label) != nullptr; ++i) label = Str(batch, "-", i);
    return label;
  }

  static v1::PaymentProposed Proposal(const Row& row, const PaymentDraft& draft,
                                      const Account& account) {
    v1::PaymentProposed event;
    event.set_payment_id(row.payment_id);
    event.set_batch_id(row.batch);
    event.set_covers_from(row.from);
    event.set_covers_until(row.until);
    event.set_total_cents(draft.total_cents);
    event.set_iban(account.iban);
    event.set_reference_number(account.reference_number);
    for (const auto* posting : draft.lines) {
      auto* line = event.add_lines();
      line->set_event_id(std::string(posting->id.view()));
      line->set_date(FormatDay(posting->date));
      line->set_amount_cents(posting->cents);
    }
    return event;
  }

  exchange::v1::Offer OfferOf(const CaseId& case_id, const google::protobuf::Message& event,
                              const Target& target) const {
    exchange::v1::Offer offer;
    auto* offered = offer.add_events();
    const std::string& type = event.GetDescriptor()->full_name();
    event.SerializeToString(offered->mutable_body());
    const EventId id = DeriveEventId(fold_.agency(), case_id, type, offered->body());
    offered->set_event_id(std::string(id.view()));
    offered->set_case_id(std::string(case_id.view()));
    offered->set_type(type);
    offered->set_official(target.official);
    return offer;
  }

  // A payment an offer, so that one that is refused holds up no other. What did not get through is said by the
  // status; the same command again repeats nothing.
  ExitCode Send(const Target* target, const std::vector<exchange::v1::Offer>& offers,
                const std::vector<size_t>& row_of_offer, const Texts& done, std::vector<Row>& rows) {
    if (target == nullptr || offers.empty()) return kExitOk;
    const auto client = client::Client::Connect(target->options);
    if (!client.ok()) return Fail(io_, client.status());
    ExitCode code = kExitOk;
    for (size_t i = 0; i < offers.size(); ++i) {
      const auto answer = (*client)->Publish(offers[i]);
      if (!answer.ok()) {
        io_.err << "polku: whether all of them are recorded is not known; the same command again records nothing "
                   "twice\n";
        return Fail(io_, answer.status());
      }
      Row& row = rows[row_of_offer[i]];
      if (answer->has_refusal()) {
        row.state = &kRefused;
        row.refusal = answer->refusal();
        io_.err << "polku: case " << FormatCaseId(row.case_id) << ": " << RefusalText(*row.refusal) << "\n";
        code = ExitCodeFor(*row.refusal);
      } else {
        row.state = &done;
      }
    }
    return code;
  }

  const Args& args_;
  const Language language_;
  const audit::PaymentsFold& fold_;
  const absl::CivilDay today_;
  Io& io_;
};

ExitCode RunPayments(const Args& args, Io& io) {
  const std::string& action = args.operands()[0];
  const bool propose = action == "propose";
  const bool status = action == "status";
  const bool move = action == "approve" || action == "reject" || action == "paid";
  if (!propose && !status && !move) {
    return FailUsage(io, Str("there is no polku payments ", action, "; it is propose, approve, reject, paid or status"));
  }
  if (move && args.operands().size() != 2) return FailUsage(io, Str("polku payments ", action, " BATCH: of which batch?"));
  if (propose && args.operands().size() != 1) return FailUsage(io, "the batch is given by --batch ID");
  const auto language = ParseLanguage(args.GetOr("lang", "fi"));
  if (!language) return FailUsage(io, "--lang is fi, sv or en");
  CaseId only;
  if (args.Has("case")) {
    const auto case_id = ParseCaseId(args.Get("case"));
    if (!case_id) return FailUsage(io, "--case is not 32 hexadecimal digits");
    only = *case_id;
  }
  const auto day = [&](std::string_view flag) { return ParseDay(args.Get(flag)); };
  if (propose && (!day("from") || !day("until"))) {
    return FailUsage(io, "which days? give --from DAY and --until DAY, e.g. 2025-03-01 and 2025-03-31");
  }
  // A label may have 32 characters; a number behind it must fit.
  if (propose && (!service::IsLabel(args.Get("batch")) || args.Get("batch").size() > 28)) {
    return FailUsage(io, "--batch is a label of your own: 1 to 28 of small letters a-z, digits and hyphens");
  }
  if (args.Has("on") && !day("on")) return FailUsage(io, "--on is not a day of the form 2025-03-31");
  v1::RejectionReason reason = v1::REJECTION_REASON_UNSPECIFIED;
  if (action == "reject") {
    std::string name = "REJECTION_REASON_" + args.Get("reason");
    for (char& c : name) c = c == '-' ? '_' : absl::ascii_toupper(static_cast<unsigned char>(c));
    if (!v1::RejectionReason_Parse(name, &reason) || reason == v1::REJECTION_REASON_UNSPECIFIED) {
      return FailUsage(io, "why? give --reason not-attended, no-receipt, already-compensated, not-covered, too-late, "
                           "wrong-account, wrong-amount or other");
    }
  }
  const auto accounts = ReadAccounts(args.Get("accounts"), *language);
  if (!accounts.ok()) return Fail(io, accounts.status());
  const auto claim = ReadAccessClaim(args);
  if (!claim.ok()) return FailUsage(io, ToStd(claim.status().message()));
  std::optional<Target> target;
  if (move || (propose && !args.Has("dry-run"))) {
    auto found = FindTarget(args);
    if (!found.ok()) return Fail(io, found.status());
    target = *std::move(found);
  }
  SectionSet sections;
  sections.add(SectionKind::kService);
  sections.add(SectionKind::kPayment);
  const auto reading = OpenRecorded(
      args, *claim, {.command = "payments", .case_id = only, .sections = sections});
  if (!reading.ok()) return Fail(io, reading.status());
  const std::string agency(reading->config.origin.agency());
  if (target && target->agency != agency) {
    return FailUsage(io, "the author of --as is not the agency of the service; payments are its own");
  }
  if (target) target->official = claim->official;
  audit::PaymentsFold fold(agency, reading->store->logs());
  audit::History history(*reading->store);
  ProgressLine progress(io, false);
  uint64_t entries = 0;
  const auto visit = [&](const audit::Event& event) {
    if (++entries % 4096 == 0) progress.Show(Str(entries, " entries"));
    fold.Add(event);
    return absl::OkStatus();
  };
  audit::Filter filter;
  filter.standing = true;
  const absl::Status read =
      only.is_zero() ? history.Replay(filter, visit) : history.Timeline(only, filter, visit);
  progress.Clear();
  if (!read.ok()) return Fail(io, read);
  const absl::CivilDay today = JudgedOn(reading->config);
  Payments payments(args, *language, fold, today, io);
  if (propose) {
    return payments.Propose(target ? &*target : nullptr, *accounts, *day("from"), *day("until"));
  }
  if (status) return payments.Status();
  return payments.Move(action, *target, day("on").value_or(today), reason);
}

}  // namespace

Command PaymentsCommand() {
  return {
      {.name = "payments",
       .summary = "payments in batches: proposed, approved by a second official, paid; what is claimed back",
       .operands = "propose|approve|reject|paid|status [BATCH]",
       .min_operands = 1,
       .max_operands = 2,
       .flags = NetworkFlags(
           {{"config", "FILE", "the payer's own service configuration: whose log is read"},
            {"purpose", "CODE", "what for, as for every read: payment"},
            {"basis", "TEXT", "by which law or rule; no personal data"},
            {"stopped", "", "the service is stopped on purpose (status and --dry-run alone)"},
            {"batch", "ID", "propose: the name of the batch, a label of your own"},
            {"from", "DAY", "propose: first day to settle"},
            {"until", "DAY", "propose: last day to settle"},
            {"accounts", "FILE", "propose: CSV tapaus;iban;viite; else the account of the case's last payment"},
            {"dry-run", "", "propose: show what would be proposed, send nothing"},
            {"reason", "CODE", "reject: wrong-account, wrong-amount, not-attended, …"},
            {"on", "DAY", "approve, reject, paid: the day of it; today"},
            {"archive", "REF", "paid: the archive's reference"},
            {"case", "CASE", "of one case alone"},
            {"lang", "fi|sv|en", "language of headings; fi"}}),
       .details =
           "`propose` settles, case by case, every accrual, grant and reversal of the payer's own log in those\n"
           "days; what was reversed after its payment is netted, with the days back to it. A case whose sum is not\n"
           "above 0 gets no payment: it is carried, and shown as claimed back (takaisinperittävä). `approve` needs\n"
           "another official than proposed it; the service refuses what has changed since. Each payment is an offer\n"
           "of its own: a refused one holds up no other. Saying a command again records nothing twice. Exit code 1:\n"
           "some were refused or have no account.",
       .examples =
           "polku payments propose --config kela.textproto --as kela-1.textproto --from 2025-03-01 \\\n"
           "  --until 2025-03-31 --batch maalis-2025 --accounts tilit.csv --dry-run \\\n"
           "  --official etuus-1 --purpose payment --basis \"laki 189/2001\"\n"
           "polku payments approve maalis-2025 --config kela.textproto --as kela-2.textproto \\\n"
           "  --official etuus-2 --purpose payment --basis \"laki 189/2001\"\n"
           "polku payments status --config kela.textproto --official etuus-1 --purpose payment \\\n"
           "  --basis \"laki 189/2001\""},
      RunPayments};
}

}  // namespace polku::cli
