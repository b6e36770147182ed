#include "services/access/policy.h"
#include "services/audit/certificate.h"

#include <algorithm>
#include <string>
#include <utility>

#include "adapters/cli/command.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/labels_tables.h"
#include "adapters/cli/local_text.h"
#include "adapters/cli/output.h"
#include "adapters/cli/page_command.h"
#include "adapters/cli/reading.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"
#include "services/audit/event_json.h"

namespace polku::cli {
namespace {

using audit::JsonString;

constexpr Texts kTitle = {"Osaamistodistus", "Intyg över kunnande", "Certificate of competence"};
constexpr Texts kName = {"Nimi", "Namn", "Name"};
constexpr Texts kShown = {"Todistuksen saaja on osoittanut seuraavan osaamisen.",
                          "Innehavaren av intyget har visat följande kunnande.",
                          "The holder of this certificate has shown the following competences."};
constexpr Texts kCompetences = {"Osaaminen", "Kunnande", "Competences"};
constexpr Texts kWhat = {"osaaminen", "kunnande", "competence"};
constexpr Texts kRecognised = {"tunnistettu", "erkänt", "recognised"};
constexpr Texts kUnit = {"tutkinnon osa", "examensdel", "qualification unit"};
constexpr Texts kPoints = {"osaamispisteet", "kompetenspoäng", "competence points"};
constexpr Texts kSchool = {"oppilaitos", "läroanstalt", "school"};
constexpr Texts kGiven = {"Päiväys ja allekirjoitus", "Datum och underskrift", "Date and signature"};
constexpr std::string_view kLine = "____________________";

// For the worker, on the error stream: on the page it would say that there is something not to be named.
constexpr Texts kReadFirst = {
    "osaaminen ja tutkinnon osat ovat niin kuin ne on kirjattu: lue ne ennen kuin annat todistuksen, sillä vapaa "
    "teksti voi nimetä palvelun",
    "kunnandet och examensdelarna är som de antecknades: läs dem innan du ger intyget, för fri text kan nämna "
    "servicen",
    "competences and units stand as they were recorded: read them before you hand out the certificate, for free text "
    "may name the service"};

constexpr Texts kNoSchoolName = {
    "oppilaitoksella ei ole nimeä sopimuksessa (agencies, display_names), joten se jää pois todistuksesta",
    "läroanstalten har inget namn i avtalet (agencies, display_names) och lämnas därför bort från intyget",
    "the school has no name in the agreement (agencies, display_names) and is left out of the certificate"};

std::string CertificateJson(const audit::Certificate& certificate) {
  std::string list;
  for (const auto& one : certificate.recognised) {
    std::string competences;
    for (const std::string& what : one.competences) {
      competences += Str(competences.empty() ? "" : ",", JsonString(what));
    }
    list += Str(list.empty() ? "" : ",", "{\"recognised_on\":", JsonString(one.recognised_on),
                ",\"competences\":[", competences, "],\"qualification_code\":",
                JsonString(one.qualification_code), ",\"competence_points\":", one.points,
                ",\"institution\":", JsonString(one.institution_agency), "}");
  }
  return Str("{\"given_names\":", JsonString(certificate.given_names), ",\"family_name\":",
             JsonString(certificate.family_name), ",\"recognised\":[", list, "]}");
}

// A school is named as people name it; who has a part in the service is not, whatever an event says.
void KeepSchoolsAlone(const config::v1::Agreement& agreement, audit::Certificate& certificate, Language language,
                      Io& io) {
  for (auto& one : certificate.recognised) {
    if (one.institution_agency.empty()) continue;
    const auto listed = std::find_if(agreement.agencies().begin(), agreement.agencies().end(),
                                     [&](const auto& agency) { return agency.name() == one.institution_agency; });
    const bool of_service = listed != agreement.agencies().end() && !listed->roles().empty();
    const bool named = listed != agreement.agencies().end() && !listed->display_names().empty();
    if (!of_service && !named) {
      io.err << "polku: " << Say(kNoSchoolName, language) << ": " << Plain(one.institution_agency) << "\n";
    }
    if (of_service || !named) one.institution_agency.clear();
  }
}

Page MakeCertificate(const audit::Certificate& certificate, const config::v1::Agreement& agreement,
                     Language language) {
  const auto say = [&](const Texts& texts) { return Say(texts, language); };
  Page page{.title = say(kTitle), .lines = {}, .blocks = {}, .language = language};
  std::string name = Plain(certificate.given_names);
  if (!certificate.family_name.empty()) name += Str(name.empty() ? "" : " ", Plain(certificate.family_name));
  page.lines = {Str(say(kName), ": ", name.empty() ? std::string(kLine) : name), say(kShown)};
  Block block{.title = say(kCompetences),
              .lines = {},
              .header = {say(kRecognised), say(kWhat), say(kUnit), say(kPoints), say(kSchool)},
              .rows = {}};
  for (const auto& one : certificate.recognised) {
    std::string what;
    for (const std::string& competence : one.competences) {
      what += Str(what.empty() ? "" : "; ", Plain(competence));
    }
    block.rows.push_back({DayText(one.recognised_on, language), what, Plain(one.qualification_code),
                          one.points > 0 ? std::to_string(one.points) : std::string(),
                          one.institution_agency.empty()
                              ? std::string()
                              : Plain(AgencyLabel(agreement, one.institution_agency, language))});
  }
  page.blocks.push_back(std::move(block));
  page.blocks.push_back(
      {.title = say(kGiven), .lines = {Str(kLine, "  ", kLine)}, .header = {}, .rows = {}});
  return page;
}

ExitCode RunCertificate(const Args& args, Io& io) {
  const auto request = ParsePageRequest(args);
  if (!request.ok()) return FailUsage(io, ToStd(request.status().message()));
  const SectionSet sections = OnlySection(SectionKind::kService) |
                              OnlySection(SectionKind::kIdentity) |
                              OnlySection(SectionKind::kSocial);
  const auto reading = OpenRecorded(
      args, request->claim,
      {.command = "certificate", .case_id = request->case_id, .sections = sections});
  if (!reading.ok()) return Fail(io, reading.status());
  audit::CertificateFold fold;
  const access::Policy policy(reading->config.agreement);
  audit::Filter filter;
  filter.policy = &policy;
  const absl::Status read =
      audit::History(*reading->store).Timeline(request->case_id, filter, [&](const audit::Event& event) {
        fold.Add(event);
        return absl::OkStatus();
      });
  if (!read.ok()) return Fail(io, read);
  audit::Certificate certificate = fold.Finish();
  if (certificate.sealed > 0) {
    // Half a certificate would tell that there was nothing more.
    return Fail(io, Error(absl::StatusCode::kPermissionDenied, certificate.sealed,
                          " of the case's recognised competences may not be opened here; have the certificate made "
                          "at the agency that recorded them"));
  }
  if (certificate.recognised.empty()) {
    return Fail(io, Error(absl::StatusCode::kNotFound, "no recognised competence of that case is held here"));
  }
  KeepSchoolsAlone(reading->config.agreement, certificate, request->language, io);
  io.err << "polku: " << Say(kReadFirst, request->language) << "\n";
  if (args.json()) {
    io.out << CertificateJson(certificate) << "\n";
    return kExitOk;
  }
  return ShowPage(MakeCertificate(certificate, reading->config.agreement, request->language),
                  request->html_file, io);
}

}  // namespace

Command CertificateCommand() {
  return {
      {.name = "certificate",
       .summary = "certificate of a client's competences (osaamistodistus), which does not name the service",
       .operands = "CASE",
       .min_operands = 1,
       .max_operands = 1,
       .flags = RecordedReadingFlags(
           {{"lang", "fi|sv|en", "language of the certificate; fi"},
            {"html", "FILE", "a printable page, one file that needs nothing else; must not exist"}}),
       .details = "Each recognised competence with its day, the qualification unit, its points and the school where one\n"
                  "recognised it; the client's name, or a line to write it on. Neither the service nor who provides it\n"
                  "is named, nor the agency that prints it. What was corrected is left out; exit code 1 when a part may\n"
                  "not be opened here, for half a certificate would be a wrong one. What was written freely stays as it was\n"
                  "recorded and is not searched for the service's name: read it before you hand the page out.",
       .examples = "polku certificate CASE --config hyvinvointi.textproto --lang sv --html intyg.html \\\n"
                   "  --official ak-07 --purpose client-request --basis \"laki 703/2023\""},
      RunCertificate};
}

}  // namespace polku::cli
