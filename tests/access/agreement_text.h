// Agreements for tests: written as an operator writes them, and those that ship.
#ifndef POLKU_TESTS_ACCESS_AGREEMENT_TEXT_H_
#define POLKU_TESTS_ACCESS_AGREEMENT_TEXT_H_

#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <sstream>
#include <string>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/config/v1/agreement.pb.h"

namespace polku::access {

inline constexpr const char* kOulu = "FI/MUN/0187690-1/oulu";
inline constexpr const char* kWellbeing = "FI/MUN/9999991-7/hyvinvointi";
inline constexpr const char* kProvider = "FI/ORG/9999992-5/toimintatupa";
inline constexpr const char* kKela = "FI/GOV/0246246-0/kela";
inline constexpr const char* kAuditor = "FI/GOV/9999993-3/tarkastaja";

inline config::v1::Agreement AgreementText(const std::string& text) {
  config::v1::Agreement agreement;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &agreement)) << text;
  return agreement;
}

// Files under deploy/, joined in that order as a service joins them.
inline config::v1::Agreement Shipped(std::initializer_list<const char*> files) {
  const char* const root = std::getenv("POLKU_SOURCE_DIR");
  config::v1::Agreement agreement;
  for (const char* file : files) {
    std::ifstream in(std::string(root != nullptr ? root : ".") + "/deploy/" + file);
    EXPECT_TRUE(in.good()) << file;
    std::stringstream text;
    text << in.rdbuf();
    agreement.MergeFrom(AgreementText(text.str()));
  }
  return agreement;
}

inline config::v1::Agreement DemoAgreement() {
  return Shipped({"agreements/taulukko-1.textproto", "agreements/osapuolet.textproto",
                  "demo/agreement.textproto"});
}

}  // namespace polku::access

#endif  // POLKU_TESTS_ACCESS_AGREEMENT_TEXT_H_
