#include "adapters/cli/disclosures_page.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "adapters/cli/labels_tables.h"
#include "adapters/cli/output.h"
#include "eventstore/base/status.h"
#include "polku/access/v1/access.pb.h"

namespace polku::cli {
namespace {

using Way = audit::Received::Way;

// Plain words: the reader is the client.
constexpr Texts kTitle = {"Kuka on saanut ja katsellut tietojasi", "Vem har fått och läst dina uppgifter",
                          "Who has received and read your data"};
constexpr Texts kCase = {"Asian tunnus", "Ärendets beteckning", "Case"};
constexpr Texts kGivenBy = {"Vastauksen antaa", "Svaret ges av", "Answer given by"};
constexpr Texts kParties = {"Asian osapuolet", "Parter i ärendet", "Parties of the case"};
constexpr Texts kReceived = {"Kenelle tietoja on annettu", "Till vem uppgifter har lämnats",
                             "Who received data"};
constexpr Texts kReads = {"Kuka on katsellut tietoja", "Vem har läst uppgifter", "Who looked"};
constexpr Texts kBulk = {"Haut, joissa tietosi ovat voineet olla mukana",
                         "Sökningar där dina uppgifter kan ha ingått",
                         "Searches that may have included your data"};
constexpr Texts kBulkNote = {
    "Näissä haettiin useita asioita kerralla; sinun asiasi oli silloin organisaation hallussa.",
    "Här söktes flera ärenden på en gång; ditt ärende fanns då hos organisationen.",
    "Many cases were searched at once; yours was held by the organisation at the time."};
constexpr Texts kCorrections = {"Oikaisut", "Rättelser", "Corrections"};
constexpr Texts kErasures = {"Poistetut tiedot", "Raderade uppgifter", "Erased data"};
constexpr Texts kLimits = {"Mitä tämä vastaus ei kerro", "Vad detta svar inte visar",
                           "What this answer cannot show"};
constexpr Texts kOthersReads = {
    "Muiden organisaatioiden omaa katselua, ellei siitä ole kirjausta täällä. Katselukirjaukset ovat täällä näiltä:",
    "Andra organisationers egen läsning, om den inte är antecknad här. Läsning är antecknad här för:",
    "What other organisations looked at themselves, unless a record of it is here. Records of reads are here of:"};
constexpr Texts kNobody = {"ei keneltäkään", "ingen", "none"};
constexpr Texts kCopies = {
    "Kopioita, joita tiedot saanut organisaatio on tehnyt omiin järjestelmiinsä.",
    "Kopior som en mottagande organisation har gjort i sina egna system.",
    "Copies that a receiving organisation made in systems of its own."};
constexpr Texts kOtherLogs = {
    "Luovutuksia lokeista, joita täällä ei ole, eikä merkintöjä, joita tälle organisaatiolle ei ole annettu. Lokit "
    "täällä:",
    "Utlämnanden ur loggar som inte finns här, eller anteckningar som inte har lämnats till denna organisation. "
    "Loggar här:",
    "Disclosures from logs that are not here, and entries that were not given to this organisation. Logs here:"};
constexpr Texts kNone = {"Ei merkintöjä.", "Inga anteckningar.", "Nothing on record."};
constexpr Texts kAgency = {"organisaatio", "organisation", "organisation"};
constexpr Texts kSince = {"alkaen", "från", "since"};
constexpr Texts kUntil = {"päättyi", "upphörde", "until"};
constexpr Texts kWhy = {"miksi", "varför", "why"};
constexpr Texts kFirstParty = {"kirjasi asian ensimmäisen merkinnän", "gjorde ärendets första anteckning",
                               "made the first entry"};
constexpr Texts kReceiver = {"saaja", "mottagare", "receiver"};
constexpr Texts kFrom = {"kenen kirjaamia", "antecknat av", "recorded by"};
constexpr Texts kKinds = {"mitä tietoja", "vilka uppgifter", "what data"};
constexpr Texts kAbout = {"mistä", "om vad", "about"};
constexpr Texts kCount = {"määrä", "antal", "count"};
constexpr Texts kFirst = {"ensimmäinen", "första", "first"};
constexpr Texts kLast = {"viimeinen", "sista", "last"};
constexpr Texts kWhen = {"milloin", "när", "when"};
constexpr Texts kBasis = {"oikeusperuste", "rättslig grund", "legal basis"};
constexpr Texts kOfficial = {"virkailija (tunnus)", "tjänsteman (kod)", "official (code)"};
constexpr Texts kPurpose = {"käyttötarkoitus", "ändamål", "purpose"};
constexpr Texts kScope = {"rajaus", "avgränsning", "filter"};
constexpr Texts kWhat = {"mitä tapahtui", "vad som hände", "what happened"};
constexpr Texts kAnswers = {"saajien vastaukset", "mottagarnas svar", "answers of receivers"};
constexpr Texts kNoAnswer = {"ei vielä vastauksia", "inga svar ännu", "no answers yet"};
constexpr Texts kExtent = {"laajuus", "omfattning", "extent"};
constexpr Texts kEntries = {"merkintää", "anteckningar", "entries"};
constexpr Texts kLater = {"aiempi merkintä, annettu myöhemmin", "tidigare anteckning, lämnad senare",
                          "earlier entry, given later"};
constexpr Texts kHeaderAlone = {"vain tieto siitä, että merkintä on tehty",
                                "endast att en anteckning har gjorts", "only that an entry was made"};
constexpr Texts kToParties = {"osapuolille kerrotaan, keitä osapuolet ovat",
                              "parter får veta vilka parterna är", "parties are told who the parties are"};
constexpr Texts kAsCorrection = {"oikaisu tietoon, jonka saaja oli saanut",
                                 "rättelse av en uppgift som mottagaren hade fått",
                                 "corrects what the receiver had got"};
constexpr Texts kAsHost = {"kirjattu saajan palveluun", "antecknat i mottagarens tjänst",
                           "recorded in the receiver's service"};
constexpr Texts kUnknownBasis = {"perustetta ei löydy sopimuksesta", "grunden finns inte i avtalet",
                                 "no basis found in the agreement"};
constexpr Texts kCorrecting = {"korjaava merkintä", "rättande anteckning", "correcting entry"};
constexpr Texts kUnknownType = {"merkintä, jota ei ole täällä", "anteckning som inte finns här",
                                "an entry that is not here"};
constexpr Texts kUntilDay = {"saakka", "till", "until"};
constexpr std::array<Texts, 5> kSections = {{
    {"palvelun vaiheet ja päivät", "servicens steg och dagar", "steps and days of the service"},
    {"henkilö- ja yhteystiedot", "person- och kontaktuppgifter", "identity and contact details"},
    {"sosiaalihuollon tiedot", "uppgifter inom socialvården", "social care data"},
    {"terveystiedot", "hälsouppgifter", "health data"},
    {"maksu- ja etuustiedot", "betalnings- och förmånsuppgifter", "payment and benefit data"},
}};
constexpr std::array<std::string_view, 3> kLanguageTags = {"fi", "sv", "en"};

class PageMaker {
 public:
  PageMaker(const audit::Disclosures& found, const config::v1::Agreement& agreement,
            Language language, bool all)
      : found_(found), agreement_(agreement), language_(language), all_(all) {}

  Page Make(absl::Time now) const {
    Page page{.title = T(kTitle), .lines = {}, .blocks = {}, .language = language_};
    page.lines.push_back(Str(T(kCase), ": ", FormatCaseId(found_.case_id)));
    page.lines.push_back(Str(T(kGivenBy), ": ", Agency(found_.held_by), ", ", LocalTime(now)));
    page.blocks = {Parties(), Received()};
    page.blocks.push_back(Reads(/*bulk=*/false));
    if (std::any_of(found_.reads.begin(), found_.reads.end(), [](const auto& r) { return r.bulk; })) {
      page.blocks.push_back(Reads(/*bulk=*/true));
    }
    page.blocks.push_back(Corrections());
    if (!found_.erasures.empty() || !found_.erasure_acts.empty()) page.blocks.push_back(Erasures());
    page.blocks.push_back(Limits());
    return page;
  }

 private:
  std::string T(const Texts& texts) const {
    return std::string(texts[static_cast<size_t>(language_)]);
  }
  std::string Agency(std::string_view name) const {
    return Plain(AgencyLabel(agreement_, name, language_));
  }
  static std::string Day(absl::Time at) { return LocalTime(at).substr(0, 10); }
  static std::string Dash(std::string_view text) { return text.empty() ? "-" : Plain(text); }

  std::string Step(std::string_view type) const {
    return type.empty() ? T(kUnknownType) : Plain(EventLabel(type, language_));
  }

  std::string Kinds(SectionSet sections) const {
    std::string text;
    for (const SectionKind kind : kAllSectionKinds) {
      if (!sections.has(kind)) continue;
      text += Str(text.empty() ? "" : ", ", T(kSections[static_cast<size_t>(kind) - 1]));
    }
    return text.empty() ? T(kHeaderAlone) : text;
  }

  std::string Basis(const audit::Received& one) const {
    switch (one.way) {
      case Way::kShared:
        return Plain(one.legal_basis);
      case Way::kParties:
        return T(kToParties);
      case Way::kCorrection:
        return T(kAsCorrection);
      case Way::kHost:
        return T(kAsHost);
      case Way::kUnknown:
        break;
    }
    return T(kUnknownBasis);
  }

  Block Parties() const {
    Block block{T(kParties), {}, {T(kAgency), T(kSince), T(kUntil), T(kWhy)}, {}};
    for (const audit::PartySpan& party : found_.parties) {
      block.rows.push_back({Agency(party.agency), Day(party.since),
                            party.until ? Day(*party.until) : "-",
                            party.reason == access::v1::PARTY_REASON_UNSPECIFIED
                                ? T(kFirstParty)
                                : CodeLabel(party.reason, language_)});
    }
    return block;
  }

  Block Received() const {
    Block block{T(kReceived), {}, {}, {}};
    std::map<std::string, std::set<std::pair<std::string, Position>>> totals;
    for (const auto& one : found_.received) totals[one.receiver].insert({one.origin, one.position});
    for (const auto& [receiver, entries] : totals) {
      block.lines.push_back(Str(Agency(receiver), ": ", entries.size(), " ", T(kEntries)));
    }
    if (all_) {
      block.header = {T(kWhen), T(kReceiver), T(kAbout), T(kFrom), T(kKinds), T(kBasis)};
      for (const audit::Received& one : found_.received) {
        block.rows.push_back({LocalTime(one.disclosed_at), Agency(one.receiver),
                              one.later ? Str(Step(one.type), " (", T(kLater), ")") : Step(one.type),
                              Agency(one.author), Kinds(one.sections), Basis(one)});
      }
      return block;
    }
    block.header = {T(kReceiver), T(kKinds), T(kAbout), T(kCount),
                    T(kFirst),    T(kLast),  T(kBasis)};
    struct Group {
      absl::Time first, last;
      uint64_t count = 0;
      std::set<std::string> steps;
    };
    // Alike is what went to the same receiver, in the same kinds, on the same basis; oldest group first.
    std::vector<std::pair<std::tuple<std::string, std::string, std::string>, Group>> groups;
    for (const audit::Received& one : found_.received) {
      const std::tuple key(Agency(one.receiver), Kinds(one.sections), Basis(one));
      auto group = std::find_if(groups.begin(), groups.end(),
                                [&](const auto& known) { return known.first == key; });
      if (group == groups.end()) {
        groups.push_back({key, {.first = one.disclosed_at}});
        group = groups.end() - 1;
      }
      ++group->second.count;
      group->second.last = one.disclosed_at;
      group->second.steps.insert(Step(one.type));
    }
    for (const auto& [key, group] : groups) {
      std::string steps;
      for (const std::string& step : group.steps) steps += Str(steps.empty() ? "" : ", ", step);
      block.rows.push_back({std::get<0>(key), std::get<1>(key), steps, std::to_string(group.count),
                            Day(group.first), Day(group.last), std::get<2>(key)});
    }
    return block;
  }

  Block Reads(bool bulk) const {
    Block block{T(bulk ? kBulk : kReads), {}, {}, {}};
    if (bulk) block.lines.push_back(T(kBulkNote));
    if (all_) {
      block.header = {T(kWhen), T(kAgency), T(kOfficial), T(kPurpose), T(kBasis), T(kKinds)};
      if (bulk) block.header.push_back(T(kScope));
      for (const audit::Read& read : found_.reads) {
        if (read.bulk != bulk) continue;
        block.rows.push_back({LocalTime(read.at), Agency(read.agency), Dash(read.official),
                              CodeLabel(read.purpose, language_), Dash(read.legal_basis),
                              Kinds(read.sections)});
        if (bulk) block.rows.back().push_back(Dash(read.scope));
      }
      return block;
    }
    block.header = {T(kAgency), T(kOfficial), T(kPurpose), T(kBasis), T(kCount), T(kFirst), T(kLast)};
    using Key = std::array<std::string, 4>;
    struct Group {
      Key key;
      absl::Time first, last;
      uint64_t count = 0;
    };
    std::vector<Group> groups;
    for (const audit::Read& read : found_.reads) {
      if (read.bulk != bulk) continue;
      const Key key = {Agency(read.agency), Dash(read.official), CodeLabel(read.purpose, language_),
                       Dash(read.legal_basis)};
      auto group = std::find_if(groups.begin(), groups.end(),
                                [&](const Group& known) { return known.key == key; });
      if (group == groups.end()) {
        groups.push_back({.key = key, .first = read.at});
        group = groups.end() - 1;
      }
      ++group->count;
      group->last = read.at;
    }
    for (const Group& group : groups) {
      block.rows.push_back({group.key[0], group.key[1], group.key[2], group.key[3],
                            std::to_string(group.count), Day(group.first), Day(group.last)});
    }
    return block;
  }

  std::vector<std::string> ActRow(const audit::Act& act) const {
    std::string what = Step(act.type);
    if (act.corrects) what += Str(" (", T(kCorrecting), ")");
    if (act.result != access::v1::CORRECTION_RESULT_UNSPECIFIED) {
      what += Str(": ", CodeLabel(act.result, language_));
    }
    return {LocalTime(act.at), what, Agency(act.agency), Dash(act.official)};
  }

  Block Corrections() const {
    Block block{T(kCorrections), {}, {T(kWhen), T(kWhat), T(kAgency), T(kOfficial)}, {}};
    for (const audit::Act& act : found_.corrections) block.rows.push_back(ActRow(act));
    return block;
  }

  Block Erasures() const {
    Block block{T(kErasures),
                {},
                {T(kWhen), T(kFrom), T(kExtent), T(kCount), T(kBasis), T(kOfficial), T(kAnswers)},
                {}};
    for (const audit::Act& act : found_.erasure_acts) {
      std::string line;
      for (const std::string& cell : ActRow(act)) line += Str(line.empty() ? "" : "  ", cell);
      block.lines.push_back(std::move(line));
    }
    for (const audit::Erasure& erasure : found_.erasures) {
      std::string answers;
      for (const auto& answer : erasure.answers) {
        answers += Str(answers.empty() ? "" : "; ", Agency(answer.agency), " ", Day(answer.at), ": ",
                       CodeLabel(answer.outcome, language_));
        if (!answer.retained_until.empty()) {
          answers += Str(" (", Plain(answer.legal_basis), ", ", T(kUntilDay), " ",
                         Plain(answer.retained_until), ")");
        }
      }
      block.rows.push_back(
          {Day(erasure.at), Agency(AgencyOfName(erasure.origin)), CodeLabel(erasure.tier, language_),
           std::to_string(erasure.entries), Dash(erasure.legal_basis),
           Str(Dash(erasure.requested_by), ", ", Dash(erasure.confirmed_by)),
           answers.empty() ? T(kNoAnswer) : answers});
    }
    return block;
  }

  Block Limits() const {
    std::string agencies, logs;
    for (const std::string& agency : found_.reads_known) {
      agencies += Str(agencies.empty() ? "" : ", ", Agency(agency));
    }
    for (const std::string& log : found_.logs) logs += Str(logs.empty() ? "" : ", ", Plain(log));
    return {T(kLimits),
            {Str(T(kOthersReads), " ", agencies.empty() ? T(kNobody) : agencies), T(kCopies),
             Str(T(kOtherLogs), " ", logs)},
            {},
            {}};
  }

  const audit::Disclosures& found_;
  const config::v1::Agreement& agreement_;
  const Language language_;
  const bool all_;
};

std::string Escaped(std::string_view text) {
  std::string html;
  for (const char c : text) {
    switch (c) {
      case '&': html += "&amp;"; break;
      case '<': html += "&lt;"; break;
      case '>': html += "&gt;"; break;
      case '"': html += "&quot;"; break;
      case '\'': html += "&#39;"; break;
      default: html += c;
    }
  }
  return html;
}

constexpr std::string_view kStyle =
    "body{font:16px/1.5 sans-serif;color:#111;background:#fff;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}caption{text-align:left;font-weight:bold}"
    "th,td{border:1px solid #555;padding:.3rem .5rem;text-align:left;vertical-align:top}th{background:#eee}"
    "@media print{body{font-size:11pt;max-width:none;margin:0;padding:0}thead{display:table-header-group}"
    "tr{break-inside:avoid}h2{break-after:avoid}}@page{margin:15mm}";

std::string NoneText(const Page& page) { return std::string(kNone[static_cast<size_t>(page.language)]); }

}  // namespace

Page MakePage(const audit::Disclosures& found, const config::v1::Agreement& agreement,
              Language language, bool all, absl::Time now) {
  return PageMaker(found, agreement, language, all).Make(now);
}

void PrintText(const Page& page, std::ostream& out) {
  out << page.title << "\n";
  for (const std::string& line : page.lines) out << line << "\n";
  for (const Block& block : page.blocks) {
    out << "\n" << block.title << "\n";
    for (const std::string& line : block.lines) out << "  " << line << "\n";
    if (block.header.empty()) continue;
    if (block.rows.empty()) {
      if (block.lines.empty()) out << "  " << NoneText(page) << "\n";
      continue;
    }
    TextTable table(block.header);
    for (const auto& row : block.rows) table.Add(row);
    table.Print(out);
  }
}

std::string FormatHtml(const Page& page) {
  const std::string_view tag = kLanguageTags[static_cast<size_t>(page.language)];
  std::string html = Str("<!DOCTYPE html>\n<html lang=\"", tag,
                         "\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width\">\n<title>",
                         Escaped(page.title), "</title>\n<style>", kStyle, "</style>\n</head>\n<body>\n<main>\n<h1>",
                         Escaped(page.title), "</h1>\n");
  for (const std::string& line : page.lines) html += Str("<p>", Escaped(line), "</p>\n");
  for (const Block& block : page.blocks) {
    html += Str("<section>\n<h2>", Escaped(block.title), "</h2>\n");
    if (!block.lines.empty()) {
      html += "<ul>\n";
      for (const std::string& line : block.lines) html += Str("<li>", Escaped(line), "</li>\n");
      html += "</ul>\n";
    }
    if (!block.header.empty() && block.rows.empty() && block.lines.empty()) {
      html += Str("<p>", Escaped(NoneText(page)), "</p>\n");
    } else if (!block.rows.empty()) {
      html += Str("<table>\n<caption>", Escaped(block.title), "</caption>\n<thead><tr>");
      for (const std::string& cell : block.header) {
        html += Str("<th scope=\"col\">", Escaped(cell), "</th>");
      }
      html += "</tr></thead>\n<tbody>\n";
      for (const auto& row : block.rows) {
        html += "<tr>";
        for (const std::string& cell : row) html += Str("<td>", Escaped(cell), "</td>");
        html += "</tr>\n";
      }
      html += "</tbody>\n</table>\n";
    }
    html += "</section>\n";
  }
  return html + "</main>\n</body>\n</html>\n";
}

}  // namespace polku::cli
