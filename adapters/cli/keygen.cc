#include "adapters/cli/command.h"
#include "adapters/zeromq/transport.h"
#include "eventstore/base/file.h"
#include "eventstore/base/ids.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "services/audit/event_json.h"
#include "services/host/keys.h"

namespace polku::cli {
namespace {

using audit::JsonString;

constexpr size_t kMaxKeyFileBytes = 4096;

struct Public {
  std::string curve;
  std::string signing;    // services only, as is the next
  std::string cosigning;
};

absl::StatusOr<std::string> ReadPublicFile(const std::string& directory, std::string_view name) {
  POLKU_ASSIGN_OR_RETURN(const std::string text,
                         ReadFile(Str(directory, "/", name), kMaxKeyFileBytes));
  return std::string(TrimEnd(text));
}

absl::StatusOr<Public> ReadPublic(const std::string& directory, bool service) {
  Public keys;
  POLKU_ASSIGN_OR_RETURN(keys.curve, ReadPublicFile(directory, "curve.public"));
  if (!service) return keys;
  POLKU_ASSIGN_OR_RETURN(keys.signing, ReadPublicFile(directory, "signing.public"));
  auto cosigning = ReadPublicFile(directory, "cosigning.public");
  if (absl::IsNotFound(cosigning.status())) {
    return Annotate(cosigning.status(),
                    "these keys are older than cosignatures; make the missing one with "
                    "--add-cosigning instead of --show");
  }
  if (!cosigning.ok()) return cosigning.status();
  keys.cosigning = *std::move(cosigning);
  return keys;
}

ExitCode Keygen(const Args& args, Io& io) {
  const bool service = args.Has("origin");
  if (service == args.Has("author")) {
    return FailUsage(io, "give --origin ORIGIN for a service or --author for an author");
  }
  if (!args.Has("dir")) return FailUsage(io, "give --dir DIR, where the keys are to lie");
  const std::string directory = args.Get("dir");
  std::string agency = args.Get("agency");
  std::string origin;
  if (service) {
    const auto parsed = OriginName::Parse(args.Get("origin"));
    if (!parsed.ok()) return FailUsage(io, ToStd(parsed.status().message()));
    origin = parsed->text();
    if (!agency.empty() && agency != parsed->agency()) {
      return FailUsage(io, "--agency is not the agency of --origin; leave it out");
    }
    agency = std::string(parsed->agency());
  } else if (agency.empty()) {
    agency = "AGENCY";
  } else if (const absl::Status valid = ValidateAgencyName(agency); !valid.ok()) {
    return FailUsage(io, ToStd(valid.message()));
  }
  if (args.Has("add-cosigning") && (!service || args.Has("show"))) {
    return FailUsage(io, "--add-cosigning goes with --origin, and not with --show");
  }
  if (!args.Has("show")) {
    const auto made = args.Has("add-cosigning")
                          ? host::AddCosigningKey(directory, origin)
                          : host::WriteNewKeys(directory, origin, SystemRandom());
    if (!made.ok()) return Fail(io, made);
  }
  const auto keys = ReadPublic(directory, service);
  if (!keys.ok()) return Fail(io, keys.status());
  if (args.json()) {
    io.out << "{\"agency\":" << JsonString(agency);
    if (service) {
      io.out << ",\"origin\":" << JsonString(origin)
             << ",\"signing_key\":" << JsonString(keys->signing)
             << ",\"cosigning_key\":" << JsonString(keys->cosigning);
    }
    io.out << ",\"curve_key\":" << JsonString(keys->curve)
           << ",\"keys_directory\":" << JsonString(directory) << "}\n";
    return kExitOk;
  }
  if (service) {
    io.out << "# For the configuration of every service that follows this one (put its real "
              "address):\n"
           << "peers { origin: \"" << origin << "\" address: \"tcp://HOST:PORT\" curve_key: \""
           << keys->curve << "\" signing_key: \"" << keys->signing << "\" }\n"
           << "# For the configuration of every service that this one follows:\n"
           << "principals { agency: \"" << agency << "\" curve_key: \"" << keys->curve
           << "\" rights: RIGHT_REPLICATE }\n"
           << "# For these, and for every service of another agency that follows them, too: whose "
              "cosignatures count:\n"
           << "witnesses { agency: \"" << agency << "\" cosigning_key: \"" << keys->cosigning
           << "\" }\n"
           << "# For this service's own configuration:\n"
           << "origin: \"" << origin << "\"\n"
           << "keys_directory: \"" << directory << "\"\n";
  } else {
    io.out << "# For the configuration of every service that takes this author's events:\n"
           << "principals { agency: \"" << agency << "\" curve_key: \"" << keys->curve
           << "\" rights: RIGHT_PUBLISH }\n"
           << "# For the author's client profile (polku … --as FILE):\n"
           << "service_address: \"tcp://HOST:PORT\"\n"
           << "service_curve_key: \"THE SERVICE'S curve.public\"\n"
           << "keys_directory: \"" << directory << "\"\n"
           << "agency: \"" << agency << "\"\n";
  }
  return kExitOk;
}

}  // namespace

Command KeygenCommand() {
  return {
      {.name = "keygen",
       .summary = "make the keys of a service or of an author",
       .flags = {{"origin", "ORIGIN", "a service: its origin, AGENCY/SERVICE/EPOCH"},
                 {"author", "", "an author or operator: CURVE key alone"},
                 {"agency", "NAME", "the author's agency, for the printed lines"},
                 {"dir", "DIR", "where the key files are to lie"},
                 {"add-cosigning", "",
                  "add the cosigning key to a service's keys that were made without one"},
                 {"show", "", "make nothing, print the public parts of keys that exist"}},
       .details = "Writes new key files into the directory (mode 0700; secret files 0600) and "
                  "prints the public parts as\n"
                  "lines ready for configuration files. Existing keys are never overwritten. Back "
                  "up master.key\n"
                  "apart from the keystore: without it no section of any case can be opened again.",
       .examples =
           "polku keygen --origin FI/MUN/0187690-1/oulu/referral/1 --dir /srv/polku/referral/keys\n"
           "polku keygen --origin FI/MUN/0187690-1/oulu/referral/1 --dir /srv/polku/referral/keys "
           "--add-cosigning\n"
           "polku keygen --author --agency FI/MUN/0187690-1/oulu --dir ~/polku-keys"},
      Keygen};
}

}  // namespace polku::cli
