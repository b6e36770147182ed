#include "services/audit/places.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/cli/command.h"
#include "adapters/cli/json_text.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/local_text.h"
#include "adapters/cli/output.h"
#include "adapters/cli/reading.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"
#include "services/access/policy.h"

namespace polku::cli {
namespace {

using audit::JsonString;
using audit::PlaceState;

// The place's name in that language, or in the one it has; empty: nobody listed it.
std::string NameOf(const PlaceState& place, std::string_view language) {
  if (!place.listed || place.listed->names().empty()) return "";
  for (const auto& name : place.listed->names()) {
    if (name.language() == language) return name.text();
  }
  return place.listed->names(0).text();
}

std::string TextJson(const std::string& text) { return text.empty() ? "null" : JsonString(text); }

std::string PlaceJson(const PlaceState& place) {
  std::string json = Str("{\"provider\":", JsonString(place.provider_agency), ",\"place\":",
                         TextJson(place.place_code), ",\"listed\":", place.listed ? "true" : "false",
                         ",\"open\":", place.open ? "true" : "false");
  if (place.listed) {
    std::string names, weekdays;
    for (const auto& name : place.listed->names()) {
      names += Str(names.empty() ? "" : ",", JsonString(name.language()), ":", JsonString(name.text()));
    }
    for (const int weekday : place.listed->weekdays()) {
      weekdays += Str(weekdays.empty() ? "" : ",", weekday);
    }
    json += Str(",\"names\":{", names, "},\"municipality\":", TextJson(place.listed->municipality_code()),
                ",\"variant\":", CodeJson(place.listed->variant()), ",\"form\":",
                CodeJson(place.listed->form()), ",\"provision\":", CodeJson(place.listed->provision()),
                ",\"weekdays\":[", weekdays, "],\"valid_from\":", TextJson(place.listed->valid_from()),
                ",\"valid_until\":", TextJson(place.listed->valid_until()), ",\"withdrawn_on\":",
                TextJson(place.withdrawn_on));
  }
  const auto clients = [](const std::vector<audit::WaitingClient>& list) {
    std::string text;
    for (const audit::WaitingClient& client : list) {
      text += Str(text.empty() ? "" : ",", "{\"case\":\"", FormatCaseId(client.case_id),
                  "\",\"referral_id\":", JsonString(client.referral_id), ",\"since\":",
                  TextJson(client.since), "}");
    }
    return text;
  };
  return Str(json, ",\"capacity\":", place.capacity(), ",\"running\":", place.running,
             ",\"accepted\":", place.accepted, ",\"taken\":", place.taken(), ",\"free\":", place.free(),
             ",\"waiting\":[", clients(place.waiting), "],\"never_began\":[", clients(place.never_began), "]}");
}

void PrintPlaces(const std::vector<PlaceState>& places, const config::v1::Agreement& agreement,
                 Language language, std::string_view code, Io& io) {
  const auto word = [&](Word w) { return std::string(Label(w, language)); };
  TextTable table({word(Word::kPlace), word(Word::kName), word(Word::kCapacity), word(Word::kRunning),
                   word(Word::kToCome), word(Word::kFree), word(Word::kWaiting)});
  for (const PlaceState& place : places) {
    const std::string provider = AgencyLabel(agreement, place.provider_agency, language);
    const std::string at = place.place_code.empty() ? word(Word::kAnyPlace) : place.place_code;
    // Where there is no capacity to speak of, what is taken is still shown.
    const std::string capacity = place.open     ? std::to_string(place.capacity())
                                 : place.listed ? word(Word::kPlaceClosed)
                                                : word(Word::kNotListed);
    const std::string free = !place.open        ? "-"
                             : place.free() < 0 ? Str(word(Word::kOverCapacity), " ", -place.free())
                                                : std::to_string(place.free());
    table.Add({Plain(Str(at, ", ", provider)), Plain(NameOf(place, code)), capacity,
               std::to_string(place.running), std::to_string(place.accepted), free,
               std::to_string(place.waiting.size())});
  }
  table.Print(io.out);
}

// Referrals that hold no place any more, for somebody to end or to begin.
void PrintNeverBegan(const std::vector<PlaceState>& places, Language language, Io& io) {
  if (std::all_of(places.begin(), places.end(), [](const auto& place) { return place.never_began.empty(); })) return;
  io.out << "\n" << Label(Word::kNeverBegan, language) << " " << audit::kPlaceKeptDays << "\n";
  for (const PlaceState& place : places) {
    for (const audit::WaitingClient& client : place.never_began) {
      io.out << "  "
             << Plain(place.place_code.empty() ? std::string(Label(Word::kAnyPlace, language)) : place.place_code)
             << "  " << FormatCaseId(client.case_id) << "  " << Plain(client.referral_id) << "  "
             << DayText(client.since, language) << "\n";
    }
  }
}

void PrintWaiting(const std::vector<PlaceState>& places, Language language, Io& io) {
  const auto word = [&](Word w) { return std::string(Label(w, language)); };
  for (const PlaceState& place : places) {
    if (place.waiting.empty()) continue;
    io.out << "\n"
           << Plain(place.place_code.empty() ? word(Word::kAnyPlace) : place.place_code) << ": "
           << word(Word::kWaiting) << "\n";
    size_t number = 0;
    for (const audit::WaitingClient& client : place.waiting) {
      io.out << "  " << ++number << ". " << FormatCaseId(client.case_id) << "  "
             << Plain(client.referral_id) << "  " << DayText(client.since, language) << "\n";
    }
  }
}

// What to say of a place, provider or municipality that nothing here is or ever was of; "": there is none.
std::string UnknownPlace(const Args& args, const std::vector<PlaceState>& places,
                         const std::vector<referral::v1::PlaceListed>& listed, const config::v1::Profile& profile) {
  std::set<std::string> codes, providers;
  std::set<std::string> municipalities(profile.municipality_codes().begin(), profile.municipality_codes().end());
  for (const PlaceState& place : places) {
    codes.insert(place.place_code);
    providers.insert(place.provider_agency);
  }
  for (const auto& place : listed) {
    codes.insert(place.place_code());
    providers.insert(place.provider_agency());
    municipalities.insert(place.municipality_code());
  }
  for (const auto& [flag, known] :
       {std::pair("place", &codes), {"provider", &providers}, {"municipality", &municipalities}}) {
    if (!args.Has(flag) || known->contains(args.Get(flag))) continue;
    std::string names;
    for (const std::string& name : *known) {
      if (!name.empty()) names += Str(names.empty() ? "" : ", ", Plain(name));
    }
    return Str("--", flag, ": nothing held here is of it; known are: ", names.empty() ? "none" : names);
  }
  return "";
}

ExitCode RunPlaces(const Args& args, Io& io) {
  const std::string code = args.GetOr("lang", "fi");
  const auto language = ParseLanguage(code);
  if (!language) return FailUsage(io, "--lang is fi, sv or en");
  absl::CivilDay day = FinnishDay(absl::Now());
  if (args.Has("on")) {
    const auto on = ParseDay(args.Get("on"));
    if (!on) return FailUsage(io, "--on is not a day of the form 2025-03-31");
    day = *on;
  }
  auto filter = ReadFilter(args);
  if (!filter.ok()) return FailUsage(io, ToStd(filter.status().message()));
  const auto claim = ReadAccessClaim(args);
  if (!claim.ok()) return FailUsage(io, ToStd(claim.status().message()));
  // Of clients which places and days, and who waits: nothing of another section (a place's names are no client's).
  const auto reading = OpenRecorded(
      args, *claim, {.command = "places", .sections = OnlySection(SectionKind::kService)});
  if (!reading.ok()) return Fail(io, reading.status());
  audit::History history(*reading->store);
  audit::PlacesFold fold(reading->store->logs());
  ProgressLine progress(io, args.Has("progress"));
  uint64_t entries = 0;
  const access::Policy policy(reading->config.agreement);
  filter->policy = &policy;
  const absl::Status status = history.Replay(*filter, [&](const audit::Event& event) {
    if (++entries % 4096 == 0) progress.Show(Str(entries, " entries"));
    fold.Add(event);
    return absl::OkStatus();
  });
  progress.Clear();
  if (!status.ok()) return Fail(io, status);
  std::vector<PlaceState> places = fold.On(day);
  if (const std::string unknown = UnknownPlace(args, places, fold.Listed(), reading->config.profile);
      !unknown.empty()) return FailUsage(io, unknown);
  std::erase_if(places, [&](const PlaceState& place) {
    const std::string municipality = place.listed ? place.listed->municipality_code() : "";
    return (args.Has("place") && place.place_code != args.Get("place")) ||
           (args.Has("provider") && place.provider_agency != args.Get("provider")) ||
           (args.Has("municipality") && municipality != args.Get("municipality")) ||
           (args.Has("free") && (!place.open || place.free() <= 0));
  });
  if (args.json()) {
    io.out << "{\"on\":\"" << FormatDay(day) << "\",\"places\":[";
    for (size_t i = 0; i < places.size(); ++i) io.out << (i > 0 ? "," : "") << PlaceJson(places[i]);
    io.out << "]}\n";
    return kExitOk;
  }
  PrintPlaces(places, reading->config.agreement, *language, code, io);
  PrintNeverBegan(places, *language, io);
  if (args.Has("waiting")) PrintWaiting(places, *language, io);
  io.out << "\n" << Label(Word::kOtherPlacesWithheld, *language) << "\n";
  return kExitOk;
}

}  // namespace

Command PlacesCommand() {
  return {
      {.name = "places",
       .summary = "the catalogue of places: capacity, who is there, who is to come, free, waiting list",
       .flags = RecordedReadingFlags(
           {{"on", "DAY", "as on that day; today"},
            {"place", "CODE", "one place"},
            {"provider", "AGENCY", "places of one provider, by its full name"},
            {"municipality", "CODE", "places listed in that municipality, e.g. 564"},
            {"free", "", "places that have room alone"},
            {"waiting", "", "who waits for each place, in their order: cases and referrals"},
            {"as-of", "TIME", "what was on record by the end of that day or by that time"},
            {"lang", "fi|sv|en", "language of headings and names; fi"},
            {"progress", "", "show progress even when the error stream is no terminal"}}),
       .details =
           "A place is listed with PlaceListed, in a case of its own. Taken are the periods that run at it on the day,\n"
           "interrupted ones too, and the referrals that were accepted and whose service has not begun; 90 days after the\n"
           "last day that was named for its start a place is kept no longer, and the referral is listed instead. Waiting are\n"
           "referrals answered WAITLIST, in the order of those answers. More taken than there is room is said, not hidden.\n"
           "Only what this agency holds counts: what is withheld from it may take places too.",
       .examples =
           "polku places --config oulu-referral.textproto --official oma-1 --purpose case-handling --basis 'laki 189/2001'\n"
           "polku places --config oulu-referral.textproto --municipality 564 --free --on 2025-09-01 --json \\\n"
           "  --official oma-1 --purpose case-handling --basis 'laki 189/2001'"},
      RunPlaces};
}

}  // namespace polku::cli
