// The vectors of transparency-dev/merkle (tests/vectors/merkle): every file, through the verifiers.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/proof/merkle_proof.h"
#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace polku::proof {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

std::filesystem::path Directory() {
  const char* root = std::getenv("POLKU_SOURCE_DIR");
  return std::filesystem::path(root != nullptr ? root : ".") / "tests/vectors/merkle";
}

// The files of a directory by their path in it.
std::vector<std::string> Files(std::string_view kind) {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::recursive_directory_iterator(Directory() / kind)) {
    if (file.path().extension() == ".json")
      names.push_back(file.path().lexically_relative(Directory()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Vector {
 public:
  explicit Vector(const std::string& name) {
    std::ifstream in(Directory() / name);
    std::ostringstream text;
    text << in.rdbuf();
    // A vector has index 2^64 - 1, which no JSON number of a double holds; as text it stays whole.
    std::string json = text.str();
    const std::string largest = "18446744073709551615";
    if (const size_t at = json.find(": " + largest); at != std::string::npos) {
      json.insert(at + 2 + largest.size(), "\"").insert(at + 2, "\"");
    }
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &json_).ok()) << name;
  }

  uint64_t Number(const std::string& field) const {
    const Value& value = Field(field);
    return value.kind_case() == Value::kStringValue ? std::stoull(value.string_value())
                                                    : static_cast<uint64_t>(value.number_value());
  }
  // nullopt: no bytes at all, which Polku's interface does not take.
  std::optional<Hash> AsHash(const std::string& field) const { return HashOf(Field(field)); }
  std::optional<MerkleProof> Proof() const {
    MerkleProof proof;
    for (const Value& value : Field("proof").list_value().values()) {
      const std::optional<Hash> hash = HashOf(value);
      if (!hash) return std::nullopt;
      proof.push_back(*hash);
    }
    return proof;
  }
  bool WantsError() const { return Field("wantErr").bool_value(); }

 private:
  const Value& Field(const std::string& field) const {
    EXPECT_TRUE(json_.fields().contains(field)) << field;
    return json_.fields().at(field);
  }
  static std::optional<Hash> HashOf(const Value& value) {
    const std::optional<std::string> bytes = FromBase64(value.string_value());
    EXPECT_TRUE(bytes) << value.string_value();
    if (bytes->empty()) return std::nullopt;
    // Some vectors have a word in place of a root ("dont care 1"); its hash stands for it.
    return bytes->size() == Hash::kBytes ? *Hash::FromBytes(*bytes) : Sha256(*bytes);
  }

  Struct json_;
};

const absl::Status kNoHash = absl::InvalidArgumentError("no hash");

TEST(MerkleVectors, OfInclusionAreJudgedAsTheySay) {
  const std::vector<std::string> files = Files("inclusion");
  EXPECT_EQ(files.size(), 65u);
  int right = 0;
  for (const std::string& name : files) {
    const Vector vector(name);
    const auto root = vector.AsHash("root");
    const auto leaf = vector.AsHash("leafHash");
    const auto proof = vector.Proof();
    const absl::Status status =
        !root || !leaf || !proof
            ? kNoHash
            : VerifyInclusion(Position(vector.Number("leafIdx")),
                              Position(vector.Number("treeSize")), *leaf, *proof, *root);
    EXPECT_EQ(status.ok(), !vector.WantsError()) << name << ": " << status;
    right += status.ok() ? 1 : 0;
  }
  EXPECT_EQ(right, 4);
}

TEST(MerkleVectors, OfConsistencyAreJudgedAsTheySay) {
  const std::vector<std::string> files = Files("consistency");
  EXPECT_EQ(files.size(), 57u);
  // The vectors refuse every proof from an empty tree. Polku's rule is that of tlog-witness
  // (merkle_proof.h): the empty proof is right, whatever the newer tree. One vector differs by it:
  // size1 is 0, root1 the empty root, size2 is 1 and the proof is empty. The other vectors of size1
  // = 0 have hashes in the proof or a root1 that is not the empty root, and are refused by both.
  const std::string differs = "consistency/additional/size1-is-zero-and-size2-is-not-zero.json";
  EXPECT_THAT(files, ::testing::Contains(differs));
  int right = 0;
  for (const std::string& name : files) {
    const Vector vector(name);
    const auto root1 = vector.AsHash("root1");
    const auto root2 = vector.AsHash("root2");
    const auto proof = vector.Proof();
    const absl::Status status =
        !root1 || !root2 || !proof
            ? kNoHash
            : VerifyConsistency(Position(vector.Number("size1")), Position(vector.Number("size2")),
                                *root1, *root2, *proof);
    EXPECT_EQ(status.ok(), !vector.WantsError() || name == differs) << name << ": " << status;
    right += status.ok() ? 1 : 0;
  }
  EXPECT_EQ(right, 3 + 1 + 1);
}

}  // namespace
}  // namespace polku::proof
