#include "services/audit/payments.h"

#include <algorithm>
#include <array>
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
#include "services/access/policy.h"
#include "services/audit/event_json.h"
#include "services/core/finnish_ids.h"
#include "services/core/offer_checks.h"
#include "services/host/persons.h"

namespace polku::cli {
namespace {

namespace v1 = compensation::v1;
using audit::Account;
using audit::JsonString;
using audit::PaymentDraft;
using audit::PaymentsFold;
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

constexpr Texts kAccount = {"tili", "konto", "account"};
constexpr Texts kAccountChanged = {"tili muuttunut", "kontot ändrat", "account changed"};
constexpr Texts kSameDay = {"sama päivä toisessa asiassa", "samma dag i ett annat ärende", "same day in another case"};
constexpr Texts kShared = {"sama tili muilla asioilla:", "samma konto i andra ärenden:", "same account in other cases:"};
constexpr Texts kNothingToSettle = {"näiltä päiviltä ei ole maksettavaa eikä takaisinperittävää",
                                    "inget att betala eller återkräva för dessa dagar",
                                    "nothing to pay or to claim back of these days"};

// What a service answers to an offer of a payment, for who reads the table; the answer itself goes to the error stream.
constexpr std::array<LabelRow, 17> kRefusals = {{
    {"same_official", {"sama virkailija ehdotti sen", "samma tjänsteman föreslog den", "proposed by the same official"}},
    {"illegal_transition", {"maksun tila ei salli sitä", "betalningens status tillåter det inte", "the payment's status does not allow it"}},
    {"unknown_payment", {"maksua ei ole", "betalningen finns inte", "there is no such payment"}},
    {"payment_exists", {"tunnus on jo käytössä", "beteckningen är redan i bruk", "the label is in use"}},
    {"nothing_to_pay", {"ei maksettavaa", "inget att betala", "nothing to pay"}},
    {"already_in_payment", {"rivi on jo toisessa maksussa", "en rad ingår redan i en annan betalning", "a line is in another payment"}},
    {"unknown_line", {"riviä ei ole", "en rad finns inte", "a line does not exist"}},
    {"line_outside_range", {"rivi on päivien ulkopuolella", "en rad ligger utanför dagarna", "a line is outside the days"}},
    {"incomplete_lines", {"päiviltä puuttuu rivejä", "rader saknas för dagarna", "lines of those days are missing"}},
    {"no_lines", {"ei rivejä", "inga rader", "no lines"}},
    {"duplicate_line", {"rivi on kahdesti", "en rad står två gånger", "a line is there twice"}},
    {"total_mismatch", {"summa ei täsmää", "summan stämmer inte", "the sum does not match"}},
    {"accruals_changed", {"kertymät ovat muuttuneet ehdotuksen jälkeen", "de intjänade beloppen har ändrats efter förslaget",
                          "accruals have changed since the proposal"}},
    {"bad_iban", {"tilinumero on virheellinen", "kontonumret är felaktigt", "the account is not valid"}},
    {"bad_reference_number", {"viitenumero on virheellinen", "referensnumret är felaktigt", "the reference number is not valid"}},
    {"future_day", {"päivä ei ole vielä tullut", "dagen har ännu inte kommit", "the day has not come yet"}},
    {"bad_range", {"päivät eivät käy", "dagarna går inte", "the days do not fit"}},
}};

// What is wrong with --accounts.
constexpr Texts kAccountColumns = {"sarakkeet ovat tapaus;iban tai tapaus;iban;viite",
                                   "kolumnerna är tapaus;iban eller tapaus;iban;viite",
                                   "the columns are tapaus;iban or tapaus;iban;viite"};
constexpr Texts kBadCase = {"tapaus on 32 heksadesimaalinumeroa", "ett ärende är 32 hexadecimala siffror",
                            "a case is 32 hexadecimal digits"};
constexpr Texts kBadIban = {"ei IBAN-tilinumero; sen tarkistusnumerot eivät täsmää",
                            "inte ett kontonummer i IBAN-form; kontrollsiffrorna stämmer inte",
                            "no IBAN; its check digits do not hold"};
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
    std::erase(account.iban, ' ');  // as banks print it
    absl::AsciiStrToUpper(&account.iban);
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
  Account account;                  // empty: none is known, or not readable here
  bool account_changed = false;     // from that of the case's newest paid payment before
  size_t account_shared = 0;        // other cases whose payments, not rejected, go to it
  std::optional<CaseId> same_day;   // another case of the same person with an accrual on one of its days
};

std::string StateText(const Row& row, Language language) {
  std::string text = Say(*row.state, language);
  if (row.refusal) {
    const auto known = std::find_if(kRefusals.begin(), kRefusals.end(),
                                    [&](const LabelRow& one) { return one.key == row.refusal->code(); });
    text += Str(": ", known == kRefusals.end() ? Plain(row.refusal->code()) : Say(known->texts, language));
  }
  if (row.same_day) {
    if (row.state != &kSameDay) text += Str("; ", Say(kSameDay, language));
    text += Str(": ", FormatCaseId(*row.same_day));
  }
  return text;
}

std::string AccountText(const Row& row, Language language) {
  std::string text = row.account.iban.empty() ? "-" : Plain(row.account.iban);
  if (row.account_changed) text += Str(" (", Say(kAccountChanged, language), ")");
  if (row.account_shared > 0) text += Str(" (", Say(kShared, language), " ", row.account_shared, ")");
  return text;
}

std::string RowJson(const Row& row) {
  return Str("{\"case\":\"", FormatCaseId(row.case_id), "\",\"payment_id\":", JsonString(row.payment_id),
             ",\"batch\":", JsonString(row.batch), ",\"covers_from\":", JsonString(row.from),
             ",\"covers_until\":", JsonString(row.until), ",\"lines\":", row.lines,
             ",\"recovered_cents\":", row.recovered, ",\"total_cents\":", row.total,
             ",\"state\":", JsonString((*row.state)[2]), ",\"iban\":", JsonString(row.account.iban),
             ",\"account_changed\":", row.account_changed ? "true" : "false", ",\"account_shared_with\":",
             row.account_shared, ",\"same_day_in\":",
             row.same_day ? Str("\"", FormatCaseId(*row.same_day), "\"") : std::string("null"),
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
                   Say(kRecovered, language), Say(kSum, language), Say(kAccount, language), Say(kState, language)});
  for (const Row& row : rows) {
    table.Add({FormatCaseId(row.case_id), DaysText(row.from, row.until, language), std::to_string(row.lines),
               Euros(row.recovered, language), Euros(row.total, language), AccountText(row, language),
               StateText(row, language)});
  }
  table.Print(io.out);
  for (const auto& [state, sum] : sums) {
    io.out << (batch.empty() ? "" : Str(Label(Word::kBatch, language), " ", Plain(batch), ": ")) << state
           << " " << sum.first << ", " << Euros(sum.second, language) << " €\n";
  }
}

class Payments {
 public:
  // `same_person`: of a case the payer's other cases of the same person.
  Payments(const Args& args, Language language, const audit::PaymentsFold& fold, service::JoinedCases same_person,
           absl::CivilDay today, Io& io)
      : args_(args), language_(language), fold_(fold), same_person_(std::move(same_person)), today_(today), io_(io) {
    for (const auto& [case_id, held] : fold_.cases()) {
      cases_of_[same_person_.Of(case_id)].push_back(case_id);
      for (const auto& [key, payment] : held.ledger.payments()) {
        const Account* account = held.AccountOf(key);
        if (account != nullptr && payment.status != PaymentStatus::kRejected) users_[account->iban].insert(case_id);
      }
    }
  }

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
      const Account account = given == accounts.end() ? held.Known(fold_.agency(), today_) : given->second;
      row.payment_id = FreeLabel(held.ledger, batch);
      Judge(row, account, held.PaidBefore(nullptr), DaysOf(held.ledger, LinesOf(*draft)));
      row.state = draft->total_cents <= 0           ? &kClaim
                  : row.same_day && !SameDayMeant() ? &kSameDay
                  : account.iban.empty()            ? &kNoAccount
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
    const bool twice = std::any_of(rows.begin(), rows.end(), [](const Row& row) { return row.state == &kSameDay; });
    if (twice) {
      io_.err << "polku: one person has several cases with money of the same day; none of those was proposed: correct "
                 "the case that is wrong, or propose one of them with --case CASE --same-day and the ground in --basis\n";
    }
    if (rows.empty() && !args_.json()) io_.out << Say(kNothingToSettle, language_) << "\n";
    return code == kExitOk && (without || twice) ? kExitRefused : code;
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
    std::map<PaymentStatus, size_t> known;
    bool held_back = false;
    Each(batch, [&](const CaseId& case_id, const std::string& id, const Payment& payment) {
      ++known[payment.status];
      if (!from.contains(payment.status)) return;
      Row row = RowOf(case_id, id, payment);
      if (action == "approve") {
        const Texts* stop = row.account_changed && !args_.Has("accounts-changed") ? &kAccountChanged
                            : row.same_day && !SameDayMeant()                    ? &kSameDay
                                                                                 : nullptr;
        if (stop != nullptr) {
          held_back = true;
          row.state = stop;
          rows.push_back(std::move(row));
          return;
        }
      }
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
    if (known.empty()) {
      return Fail(io_, Error(absl::StatusCode::kNotFound, "no payment of the batch ", Plain(batch),
                             " is held here; `polku payments status` lists the batches"));
    }
    const ExitCode code = Send(&target, offers, row_of_offer, done, rows);
    PrintRows(batch, rows, language_, args_.json(), io_);
    if (held_back) {
      io_.err << "polku: some payments were not approved: to another account than the case's last paid payment (look it "
                 "up, then say --accounts-changed), or of a day that the same person has money of in another case (then "
                 "--case CASE --same-day, with the ground in --basis)\n";
      return code == kExitOk ? kExitRefused : code;
    }
    if (rows.empty()) return NothingToMove(action, batch, done, known);
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
      Judge(row, held.Known(fold_.agency(), today_), held.PaidBefore(nullptr), DaysOf(held.ledger, LinesOf(*draft)));
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
  // The official named this case and says that two cases of one person do have money of one day.
  bool SameDayMeant() const { return args_.Has("same-day") && args_.Has("case"); }

  // No payment of the batch is where it could be moved from: done before, or too early.
  ExitCode NothingToMove(std::string_view action, const std::string& batch, const Texts& done,
                         const std::map<PaymentStatus, size_t>& known) {
    std::string states;
    bool all_done = true;
    for (const auto& [status, count] : known) {
      const Texts& texts = StatusTexts(status);
      states += Str(states.empty() ? "" : ", ", texts[2], " ", count);
      all_done = all_done && texts == done;
    }
    io_.err << "polku: no payment of the batch " << Plain(batch) << " can be moved by " << action << " now; they are: "
            << states << "\n";
    return all_done ? kExitOk : kExitRefused;
  }

  static std::vector<EventId> LinesOf(const PaymentDraft& draft) {
    std::vector<EventId> lines;
    for (const auto* posting : draft.lines) lines.push_back(posting->id);
    return lines;
  }
  // Of which of those lines allowance stands: travel to two places on one day may well be.
  static std::set<absl::CivilDay> DaysOf(const service::Ledger& ledger, const std::vector<EventId>& lines) {
    std::set<absl::CivilDay> days;
    for (const service::Accrual& accrual : ledger.accruals()) {
      if (!accrual.reversed && std::find(lines.begin(), lines.end(), accrual.id) != lines.end()) {
        days.insert(accrual.date);
      }
    }
    return days;
  }

  // What the second pair of eyes looks at.
  void Judge(Row& row, const Account& account, const Account* paid_before, const std::set<absl::CivilDay>& days) const {
    row.account = account;
    row.account_changed = !account.iban.empty() && paid_before != nullptr && paid_before->iban != account.iban;
    if (const auto users = users_.find(account.iban); users != users_.end()) {
      row.account_shared = users->second.size() - users->second.count(row.case_id);
    }
    for (const CaseId& other : cases_of_.at(same_person_.Of(row.case_id))) {
      if (other == row.case_id) continue;
      const service::Ledger& ledger = fold_.cases().at(other).ledger;
      for (const service::Accrual& accrual : ledger.accruals()) {
        const bool ours = ledger.successors().Settling(accrual.author, today_) == fold_.agency();
        if (ours && !accrual.reversed && days.contains(accrual.date)) row.same_day = other;
      }
    }
  }

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
  Row RowOf(const CaseId& case_id, const std::string& id, const Payment& payment) const {
    const PaymentsFold::Case& held = fold_.cases().at(case_id);
    const service::PaymentKey key(payment.agency, id);
    Row row{case_id, id, payment.batch_id, payment.from ? FormatDay(*payment.from) : "",
            payment.until ? FormatDay(*payment.until) : ""};
    row.lines = payment.lines.size();
    for (const service::Posting& posting : held.ledger.postings()) {
      const bool line = std::find(payment.lines.begin(), payment.lines.end(), posting.id) != payment.lines.end();
      if (line) row.recovered += std::min<int64_t>(0, posting.cents);
    }
    row.total = payment.total_cents - payment.reversed_cents;
    row.state = &StatusTexts(payment.status);
    const Account* account = held.AccountOf(key);
    Judge(row, account == nullptr ? Account() : *account, held.PaidBefore(&key), DaysOf(held.ledger, payment.lines));
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
  const service::JoinedCases same_person_;
  std::map<CaseId, std::vector<CaseId>> cases_of_;  // the payer's, of each person
  std::map<std::string, std::set<CaseId>> users_;  // of an account
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
  if (propose && day("from") && day("until") && *day("until") < *day("from")) {
    return FailUsage(io, "--until is before --from; give the days in their order");
  }
  if (args.Has("same-day") && !args.Has("case")) {
    return FailUsage(io, "--same-day goes with --case CASE: which of the person's cases is meant?");
  }
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
  sections.add(SectionKind::kIdentity);  // that another case is of the same person
  // With --case, too, the others are read: a read of no one case.
  const auto reading =
      OpenRecorded(args, *claim, {.command = "payments", .case_id = {}, .sections = sections});
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
  const auto persons = host::Persons::Read(reading->store->engine());
  if (!persons.ok()) return Fail(io, persons.status());
  audit::Filter filter;
  const access::Policy policy(reading->config.agreement);
  filter.policy = &policy;
  // Of one case alone too: whose account it is and which days have money are seen from the others.
  const absl::Status read = history.Replay(filter, visit);
  progress.Clear();
  if (!read.ok()) return Fail(io, read);
  const absl::CivilDay today = JudgedOn(reading->config);
  Payments payments(args, *language, fold, persons->OfOnePerson(), today, io);
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
            {"accounts-changed", "", "approve: also payments to another account than the case's last paid one"},
            {"same-day", "", "propose, approve, with --case: although the person has money of such a day in another case"},
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
           "of its own: a refused one holds up no other. Saying a command again records nothing twice. The account is\n"
           "shown: whether it is another than that of the case's last paid payment, and how many other cases are paid\n"
           "to it. Without --accounts it is that of the last payment that was approved, unless it was rejected as\n"
           "wrong. One person's cases (identity codes, links) that have money of the same day are not proposed. Exit\n"
           "code 1: some were refused, held back or have no account, or nothing could be moved.",
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
