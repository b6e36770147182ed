#include "services/generate/region.h"

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <utility>

#include "eventstore/base/file.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "google/protobuf/text_format.h"
#include "polku/config/v1/client.pb.h"
#include "polku/config/v1/service.pb.h"
#include "services/host/keys.h"

namespace polku::generate {
namespace {

using config::v1::Agreement;
using config::v1::AgencyRole;

constexpr size_t kMaxKeyFileBytes = 4096;

void AddAgency(Agreement& agreement, std::string_view name, std::initializer_list<AgencyRole> roles,
               std::string_view fi, std::string_view sv, std::string_view en) {
  auto* agency = agreement.add_agencies();
  agency->set_name(std::string(name));
  for (AgencyRole role : roles) agency->add_roles(role);
  using Name = std::pair<std::string_view, std::string_view>;
  for (const auto& [language, text] : {Name("fi", fi), Name("sv", sv), Name("en", en)}) {
    auto* display = agency->add_display_names();
    display->set_language(std::string(language));
    display->set_text(std::string(text));
  }
}

// As the demo's agreement has it for the same roles (deploy/demo/agreement.textproto).
config::v1::Sharing* AddSharing(Agreement& agreement, std::string_view id,
                                std::initializer_list<std::string_view> types,
                                std::initializer_list<SectionKind> sections, std::string_view basis) {
  auto* sharing = agreement.add_sharings();
  sharing->set_id(std::string(id));
  sharing->add_publishers()->push_back('*');  // GCC 12 warns of the assignment of a literal
  for (std::string_view type : types) sharing->add_types(Str("polku.", type));
  for (SectionKind kind : sections) {
    sharing->add_sections(static_cast<event::v1::SectionKind>(kind));
  }
  sharing->set_legal_basis(std::string(basis));
  return sharing;
}

absl::StatusOr<std::string> PublicKey(std::string_view keys_directory, std::string_view name) {
  POLKU_ASSIGN_OR_RETURN(const std::string text,
                         ReadFile(Str(keys_directory, "/", name, ".public"), kMaxKeyFileBytes));
  return std::string(TrimEnd(text));
}

absl::Status WriteText(const std::string& path, const google::protobuf::Message& message,
                       std::string_view more = "") {
  const auto* type = message.GetDescriptor();
  std::string text;
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  if (!printer.PrintToString(message, &text)) return absl::InternalError("a message does not print");
  return WriteNewFile(path, Str("# proto-file: ", type->file()->name(), "\n# proto-message: ",
                                type->full_name(), "\n", text, more), 0644);
}

std::vector<std::string_view> Agencies() {
  std::vector<std::string_view> agencies;
  for (const Instance& instance : Instances()) {
    if (std::find(agencies.begin(), agencies.end(), instance.agency) == agencies.end()) {
      agencies.push_back(instance.agency);
    }
  }
  return agencies;
}

class Writer {
 public:
  explicit Writer(const RegionFiles& files) : files_(files) {}

  absl::Status Write() {
    if (std::filesystem::exists(files_.directory)) {
      return Error(absl::StatusCode::kAlreadyExists, files_.directory,
                   " is there already; name a directory that is to be made");
    }
    POLKU_RETURN_IF_ERROR(MakeDirectories(Str(files_.directory, "/agreements")));
    for (size_t i = 0; i < files_.work_division.size(); ++i) {
      POLKU_RETURN_IF_ERROR(WriteNewFile(Agreements()[i], files_.work_division[i], 0644));
    }
    POLKU_RETURN_IF_ERROR(WriteText(Agreements().back(), RegionalAgreement(files_.region)));
    for (size_t i = 0; i < files_.profiles.size(); ++i) {
      POLKU_RETURN_IF_ERROR(
          WriteNewFile(Str(files_.directory, "/", ProfileName(i)), files_.profiles[i], 0644));
    }
    for (const Instance& instance : Instances()) {
      POLKU_RETURN_IF_ERROR(
          host::WriteNewKeys(Keys(instance), instance.origin(), SystemRandom()));
    }
    for (std::string_view agency : Agencies()) {
      POLKU_RETURN_IF_ERROR(host::WriteNewKeys(AuthorKeys(agency), "", SystemRandom()));
    }
    for (size_t i = 0; i < Instances().size(); ++i) POLKU_RETURN_IF_ERROR(WriteService(i));
    for (std::string_view agency : Agencies()) POLKU_RETURN_IF_ERROR(WriteAuthor(agency));
    return absl::OkStatus();
  }

 private:
  std::string Keys(const Instance& instance) const {
    return Str(files_.directory, "/", instance.name, "/keys");
  }
  std::string AuthorKeys(std::string_view agency) const {
    return Str(files_.directory, "/authors/", LastPart(agency), "/keys");
  }
  std::string Address(size_t instance) const {
    return Str("tcp://127.0.0.1:", files_.first_port + instance);
  }
  std::vector<std::string> Agreements() const {
    std::vector<std::string> paths;
    for (size_t i = 1; i <= files_.work_division.size(); ++i) {
      paths.push_back(Str(files_.directory, "/agreements/tyonjako-", i, ".textproto"));
    }
    paths.push_back(Str(files_.directory, "/agreements/alue.textproto"));
    return paths;
  }
  std::string ProfileName(size_t i) const {
    return files_.profiles.size() == 1 ? std::string("profile.textproto") : Str("profile-", i + 1, ".textproto");
  }

  absl::Status WriteService(size_t place) const {
    const Instance& instance = Instances()[place];
    config::v1::ServiceConfig config;
    config.set_origin(instance.origin());
    config.set_listen(Address(place));
    config.set_data_directory("data");
    config.set_keystore_directory("keystore");
    config.set_keys_directory("keys");
    for (const std::string& path : Agreements()) {
      config.add_agreement_file(Str("../agreements/", LastPart(path)));
    }
    for (size_t other : instance.follows) {
      const Instance& followed = Instances()[other];
      auto* peer = config.add_peers();
      peer->set_origin(followed.origin());
      peer->set_address(Address(other));
      POLKU_ASSIGN_OR_RETURN(*peer->mutable_curve_key(), PublicKey(Keys(followed), "curve"));
      POLKU_ASSIGN_OR_RETURN(*peer->mutable_signing_key(), PublicKey(Keys(followed), "signing"));
    }
    for (size_t i = 0; i < Instances().size(); ++i) {
      const Instance& other = Instances()[i];
      const bool follows =
          std::find(other.follows.begin(), other.follows.end(), place) != other.follows.end();
      if (follows && other.agency != instance.agency) {
        auto* witness = config.add_witnesses();
        witness->set_agency(std::string(other.agency));
        POLKU_ASSIGN_OR_RETURN(*witness->mutable_cosigning_key(),
                               PublicKey(Keys(other), "cosigning"));
      }
      if (!follows && i != place) continue;
      POLKU_RETURN_IF_ERROR(AddPrincipal(config, other.agency, Keys(other),
                                         {follows ? config::v1::RIGHT_REPLICATE
                                                  : config::v1::RIGHT_OPERATE}));
    }
    for (std::string_view agency : Agencies()) {
      auto rights = std::vector{config::v1::RIGHT_PUBLISH};
      if (agency == instance.agency) rights.push_back(config::v1::RIGHT_OPERATE);
      POLKU_RETURN_IF_ERROR(AddPrincipal(config, agency, AuthorKeys(agency), rights));
    }
    std::string profiles;
    for (size_t i = 0; i < files_.profiles.size(); ++i) {
      profiles += Str("profile_file: \"../", ProfileName(i), "\"\n");
    }
    return WriteText(ConfigPath(files_.directory, instance), config, profiles);
  }

  static absl::Status AddPrincipal(config::v1::ServiceConfig& config, std::string_view agency,
                                   const std::string& keys,
                                   const std::vector<config::v1::Right>& rights) {
    auto* principal = config.add_principals();
    principal->set_agency(std::string(agency));
    POLKU_ASSIGN_OR_RETURN(*principal->mutable_curve_key(), PublicKey(keys, "curve"));
    for (config::v1::Right right : rights) principal->add_rights(right);
    return absl::OkStatus();
  }

  absl::Status WriteAuthor(std::string_view agency) const {
    for (size_t i = 0; i < Instances().size(); ++i) {
      config::v1::ClientConfig client;
      client.set_service_address(Address(i));
      POLKU_ASSIGN_OR_RETURN(*client.mutable_service_curve_key(),
                             PublicKey(Keys(Instances()[i]), "curve"));
      client.set_keys_directory("keys");
      client.set_agency(std::string(agency));
      POLKU_RETURN_IF_ERROR(WriteText(Str(files_.directory, "/authors/", LastPart(agency), "/",
                                          Instances()[i].name, ".textproto"), client));
    }
    return absl::OkStatus();
  }

  const RegionFiles& files_;
};

}  // namespace

std::string_view LastPart(std::string_view name) {
  return name.substr(name.rfind('/') + 1);
}

std::string Instance::origin() const { return Str(agency, "/", service, "/1"); }

const std::vector<Instance>& Instances() {
  static const auto* const instances = new std::vector<Instance>{
      {"tyollisyys-referral", kEmployment, "referral", {1, 2, 3, 4}},
      {"toimintatupa-attendance", kProviders[0], "attendance", {4, 0}},
      {"tyosaatio-attendance", kProviders[1], "attendance", {4, 0}},
      {"pajat-attendance", kProviders[2], "attendance", {4, 0}},
      {"hyvinvointi-assessment", kWellbeing, "assessment", {0}},
      {"kela-compensation", kKela, "compensation", {0, 1, 2, 3}},
      // "Never both on one day": it must know what Kela accrued.
      {"hyvinvointi-compensation", kWellbeing, "compensation", {0, 1, 2, 3, 5}},
      {"hyvinvointi-audit", kWellbeing, "audit", {0, 1, 2, 3, 4, 5, 6}},
  };
  return *instances;
}

Agreement RegionalAgreement(std::string_view region) {
  constexpr SectionKind kService = SectionKind::kService;
  constexpr SectionKind kIdentity = SectionKind::kIdentity;
  constexpr SectionKind kSocial = SectionKind::kSocial;
  constexpr SectionKind kHealth = SectionKind::kHealth;
  constexpr SectionKind kPayment = SectionKind::kPayment;
  constexpr std::string_view kWork = "laki kuntouttavasta työtoiminnasta 189/2001";
  constexpr std::string_view kBenefit = "työttömyysturvalaki 1290/2002";
  Agreement agreement;
  agreement.set_name(Str(region, "-generated"));
  AddAgency(agreement, kEmployment,
            {config::v1::AGENCY_ROLE_EMPLOYMENT_SERVICES, config::v1::AGENCY_ROLE_EMPLOYMENT_AUTHORITY},
            "Työllisyyspalvelut", "Sysselsättningstjänsterna", "Employment services");
  AddAgency(agreement, kWellbeing,
            {config::v1::AGENCY_ROLE_SOCIAL_SERVICES, config::v1::AGENCY_ROLE_HEALTH_CARE},
            "Hyvinvointipalvelut", "Välfärdstjänsterna", "Wellbeing services");
  AddAgency(agreement, kKela, {config::v1::AGENCY_ROLE_BENEFIT_PAYER}, "Kela", "FPA", "Kela");
  AddAgency(agreement, kProviders[0], {config::v1::AGENCY_ROLE_PROVIDER}, "Toimintatupa ry",
            "Toimintatupa rf", "Toimintatupa association");
  AddAgency(agreement, kProviders[1], {config::v1::AGENCY_ROLE_PROVIDER}, "Työsäätiö", "Arbetsstiftelsen",
            "Work foundation");
  AddAgency(agreement, kProviders[2], {config::v1::AGENCY_ROLE_PROVIDER}, "Kunnan pajat",
            "Kommunens verkstäder", "Municipal workshops");

  AddSharing(agreement, "jarjestaja", {"*"}, {kService, kIdentity, kSocial, kHealth, kPayment}, kWork)
      ->add_receivers(std::string(kWellbeing));
  AddSharing(agreement, "tyollisyys",
             {"referral.*", "assessment.*", "access.*", "attendance.v1.AbsenceNoticeSent",
              "attendance.v1.PeriodOpened", "attendance.v1.PeriodClosed"},
             {kService, kIdentity, kSocial, kPayment}, kWork)
      ->add_receivers(std::string(kEmployment));
  auto* looks = AddSharing(agreement, "jarjestajat-katselut", {"access.v1.AccessRecorded", "access.v1.Erasure*"},
                           {kService}, "tietosuoja-asetus (EU) 2016/679, 15 artikla");
  looks->add_receivers(std::string(kEmployment));
  looks->add_receivers(std::string(kWellbeing));
  looks->set_every_case(true);
  auto* group = AddSharing(
      agreement, "tuottajat",
      {"referral.v1.ClientIdentified", "referral.v1.Referral*", "referral.v1.PlaceAnswered",
       "referral.v1.IntroductoryVisit*", "referral.v1.NetworkMeeting*", "referral.v1.CommitmentConfirmed",
       "referral.v1.AgreementMade", "referral.v1.DecisionMade", "referral.v1.ServiceStarted",
       "referral.v1.ServiceExtended", "referral.v1.ServiceChanged", "referral.v1.ServiceInterrupted",
       "referral.v1.ServiceResumed", "referral.v1.ServiceEnded",
       "referral.v1.CaseManagerNamed", "referral.v1.OrganiserTransferred", "assessment.v1.*"},
      {kService, kIdentity, kSocial}, "laki kuntouttavasta työtoiminnasta 189/2001; ostopalvelusopimus");
  auto* places = AddSharing(agreement, "paikat", {"referral.v1.PlaceListed", "referral.v1.PlaceWithdrawn"},
                            {kService, kSocial}, "ei henkilötietoja");
  for (AgencyRole role : {config::v1::AGENCY_ROLE_EMPLOYMENT_SERVICES, config::v1::AGENCY_ROLE_EMPLOYMENT_AUTHORITY,
                          config::v1::AGENCY_ROLE_SOCIAL_SERVICES, config::v1::AGENCY_ROLE_PROVIDER}) {
    places->add_receiver_roles(role);
  }
  places->set_every_case(true);
  // To whom notices go, that the authority was told, and that a follow-on plan is there: what a provider is alerted to.
  auto* payer = AddSharing(agreement, "tuottajat-maksaja",
                           {"referral.v1.BenefitRecorded", "referral.v1.AuthorityNotified", "referral.v1.PlanDrafted"},
                           {kService}, kBenefit);
  for (std::string_view provider : kProviders) {
    group->add_receivers(std::string(provider));
    payer->add_receivers(std::string(provider));
  }
  AddSharing(agreement, "kela",
             {"referral.v1.ClientIdentified", "referral.v1.AgreementMade", "referral.v1.DecisionMade",
              "referral.v1.AuthorityNotified", "referral.v1.PayerStatementGiven", "referral.v1.ServiceStarted",
              "referral.v1.ServiceExtended", "referral.v1.ServiceChanged", "referral.v1.ServiceInterrupted",
              "referral.v1.ServiceResumed", "referral.v1.ServiceEnded", "referral.v1.BenefitRecorded",
              "referral.v1.OrganiserTransferred", "attendance.v1.*"},
             {kService, kIdentity, kPayment}, kBenefit)
      ->add_receivers(std::string(kKela));
  return agreement;
}

absl::Status WriteRegion(const RegionFiles& files) { return Writer(files).Write(); }

std::string ConfigPath(std::string_view directory, const Instance& instance) {
  return Str(directory, "/", instance.name, "/service.textproto");
}

}  // namespace polku::generate
