// A region's profile as its services have it: its files of deploy/profiles, joined.
#ifndef POLKU_TESTS_SUPPORT_REGION_PROFILE_H_
#define POLKU_TESTS_SUPPORT_REGION_PROFILE_H_

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/config/v1/profile.pb.h"

namespace polku::testing {

// By name, in their order, e.g. {"suomi", "kuntouttava", "oulu"}. Fails the test when one is not there or not valid.
inline config::v1::Profile RegionProfile(const std::vector<std::string>& names) {
  const char* root = std::getenv("POLKU_SOURCE_DIR");
  config::v1::Profile profile;
  for (const std::string& name : names) {
    std::ifstream file(std::string(root == nullptr ? "." : root) + "/deploy/profiles/" + name +
                       ".textproto");
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_FALSE(text.str().empty()) << name << ": set POLKU_SOURCE_DIR to the repository";
    config::v1::Profile part;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text.str(), &part)) << name;
    profile.MergeFrom(part);
  }
  return profile;
}

}  // namespace polku::testing

#endif  // POLKU_TESTS_SUPPORT_REGION_PROFILE_H_
