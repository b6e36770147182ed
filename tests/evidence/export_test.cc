// Exports of growing logs: brought up to date, taken up after an interruption, and every change in one found.
#include "eventstore/evidence/export.h"

#include <filesystem>
#include <fstream>

#include "eventstore/base/file.h"
#include "eventstore/log/memory_engine.h"
#include "eventstore/proof/tile.h"
#include "gmock/gmock.h"
#include "tests/evidence/store_world.h"
#include "tests/rocksdb/temp_directory.h"

namespace polku::evidence {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::StatusIs;

std::map<std::string, std::string> Files(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const auto& file : fs::recursive_directory_iterator(directory)) {
    if (!file.is_regular_file()) continue;
    files[file.path().lexically_relative(directory).string()] = *ReadFile(file.path().string(), 64 << 20);
  }
  return files;
}

class Export : public ::testing::Test {
 protected:
  ExportOptions Options() {
    return {.engine = engine_.get(),
            .log = kOwnLog,
            .origin = oulu_.origin(),
            .keys = oulu_.first_signer().verifier(),
            .directory = directory_.path() + "/tlog"};
  }
  std::vector<std::string> Kinds() {
    const proof::VerifierKey& key = oulu_.signer().verifier();
    const auto report = VerifyExport(Options().directory, &key, {}, nullptr);
    EXPECT_THAT(report, IsOk());
    std::vector<std::string> kinds;
    for (const Problem& problem : report->problems) {
      kinds.push_back(Str(ProblemName(problem.kind), " ",
                          problem.position ? Str(problem.position->value()) : std::string("-")));
    }
    return kinds;
  }
  void Flip(const std::string& file, size_t at) {
    std::fstream stream(Options().directory + "/" + file, std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(stream.good()) << file;
    stream.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(stream.get() ^ 1);
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(byte);
  }

  const rocks::TempDirectory directory_;
  const std::unique_ptr<log::Engine> engine_ = log::MakeMemoryEngine();
  StoreWorld oulu_{*engine_, kOuluReferral};
};

TEST_F(Export, IsAStandardDirectoryThatVerifies) {
  for (const size_t count : {300, 300, 99}) oulu_.Append(count);
  ASSERT_OK_AND_ASSIGN(const ExportResult result, ExportTiles(Options()));
  EXPECT_EQ(result.size, Position(700));
  std::vector<std::string> names;
  for (const auto& [name, content] : Files(Options().directory)) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("checkpoint", "log.pub", "tile/0/000", "tile/0/001", "tile/0/002.p/188",
                                 "tile/1/000.p/2", "tile/entries/000", "tile/entries/001",
                                 "tile/entries/002.p/188"));
  EXPECT_EQ(result.tiles_written, 4u);
  EXPECT_EQ(result.bundles_written, 3u);

  const proof::VerifierKey& key = oulu_.signer().verifier();
  ASSERT_OK_AND_ASSIGN(const ExportReport report, VerifyExport(Options().directory, &key, {}, nullptr));
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.log.entries, 700u);
  EXPECT_EQ(report.log.held, 700u);
  EXPECT_TRUE(report.log.key_known);
  EXPECT_EQ(report.log.root, proof::VerifyCheckpoint(oulu_.log().checkpoint(), key)->root);
  ASSERT_OK_AND_ASSIGN(const ExportReport keyless, VerifyExport(Options().directory, nullptr, {}, nullptr));
  EXPECT_THAT(keyless.problems, IsEmpty());
  EXPECT_FALSE(keyless.log.key_known);
}

TEST_F(Export, BroughtUpToDateItIsTheSameAsMadeAnew) {
  const rocks::TempDirectory fresh;
  for (const size_t count : {5, 250, 1, 300, 212, 900, 2}) {
    oulu_.Append(count);
    ASSERT_OK(ExportTiles(Options()).status());
    EXPECT_THAT(Kinds(), IsEmpty()) << oulu_.log().size().value();
    ExportOptions anew = Options();
    anew.directory = Str(fresh.path(), "/", oulu_.log().size().value());
    ASSERT_OK(ExportTiles(anew).status());
    EXPECT_EQ(Files(anew.directory), Files(Options().directory));
  }
  ASSERT_OK_AND_ASSIGN(const ExportResult nothing_new, ExportTiles(Options()));
  EXPECT_EQ(nothing_new.tiles_written + nothing_new.bundles_written, 0u);
}

TEST_F(Export, AKilledExportIsTakenUp) {
  oulu_.Append(700);
  ASSERT_OK(ExportTiles(Options()).status());
  const auto whole = Files(Options().directory);
  // As it lies there when the power fails before the checkpoint: some tiles, one half written.
  fs::remove(Options().directory + "/checkpoint");
  fs::remove(Options().directory + "/tile/0/001");
  fs::remove_all(Options().directory + "/tile/1");
  std::ofstream(Options().directory + "/tile/0/001.new") << "half";
  ASSERT_OK_AND_ASSIGN(const ExportResult result, ExportTiles(Options()));
  EXPECT_EQ(result.tiles_written, 2u);
  EXPECT_EQ(Files(Options().directory), whole);
}

TEST_F(Export, AnotherLogsDirectoryIsLeftAlone) {
  oulu_.Append(10);
  ASSERT_OK(ExportTiles(Options()).status());
  const auto before = Files(Options().directory);
  ExportOptions other = Options();
  const auto signer = proof::Signer::Generate(oulu_.origin(), proof::KeyUse::kCheckpoint);
  other.keys = signer->verifier();
  EXPECT_FALSE(ExportTiles(other).ok());
  const auto engine = log::MakeMemoryEngine();
  StoreWorld kela(*engine, kKelaCompensation);
  EXPECT_THAT(ExportTiles({.engine = engine.get(), .log = kOwnLog, .origin = kela.origin(),
                           .keys = kela.signer().verifier(), .directory = Options().directory}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another log")));
  EXPECT_EQ(Files(Options().directory), before);

  const rocks::TempDirectory stranger;
  std::ofstream(stranger.path() + "/thesis.txt") << "mine";
  other = Options();
  other.directory = stranger.path();
  EXPECT_THAT(ExportTiles(other), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(Export, AReplicaWithHiddenHashesIsRefusedAndSaysWhere) {
  const auto engine = log::MakeMemoryEngine();
  StoreWorld reader(*engine, "FI/COM/0187690-1/yhdistys/attendance/1");
  oulu_.Append(40);
  oulu_.ReplicateTo(reader);  // everything but the Genesis is withheld from that agency
  EXPECT_THAT(ExportTiles({.engine = engine.get(), .log = LogNumber(1), .origin = oulu_.origin(),
                           .keys = oulu_.first_signer().verifier(), .directory = Options().directory}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("withheld")));
}

TEST_F(Export, ABundleWithAWithheldEntryIsLeftOut) {
  const auto engine = log::MakeMemoryEngine();
  StoreWorld kela(*engine, kKelaCompensation);
  for (int i = 0; i < 300; ++i) oulu_.Append(1);  // every third is withheld, alone
  oulu_.ReplicateTo(kela);
  ASSERT_OK_AND_ASSIGN(const ExportResult result,
                       ExportTiles({.engine = engine.get(), .log = LogNumber(1), .origin = oulu_.origin(),
                                    .keys = oulu_.first_signer().verifier(), .directory = Options().directory}));
  EXPECT_EQ(result.bundles_left_out, 2u);
  EXPECT_EQ(result.bundles_written, 0u);
  EXPECT_THAT(Kinds(), IsEmpty());
}

TEST_F(Export, PartialTilesOfAnEarlierSizeMayStayWhenTheyAreBeginnings) {
  const std::string earlier = directory_.path() + "/earlier";
  oulu_.Append(299);  // 300 with the Genesis
  ASSERT_OK(ExportTiles(Options()).status());
  fs::copy(Options().directory, earlier, fs::copy_options::recursive);
  oulu_.Append(300);
  ASSERT_OK(ExportTiles(Options()).status());
  const auto put_back = [&](const std::string& file) {
    fs::create_directories(fs::path(Options().directory + "/" + file).parent_path());
    fs::copy_file(earlier + "/" + file, Options().directory + "/" + file,
                  fs::copy_options::overwrite_existing);
  };
  const std::vector<std::string> files = {"tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"};
  for (const std::string& file : files) put_back(file);
  const proof::VerifierKey& key = oulu_.signer().verifier();
  ASSERT_OK_AND_ASSIGN(const ExportReport report, VerifyExport(Options().directory, &key, {}, nullptr));
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.earlier_tiles, 3u);
  for (const std::string& file : files) {
    Flip(file, 20);
    EXPECT_THAT(Kinds(), ElementsAre("tile -")) << file;
    put_back(file);
    fs::rename(Options().directory + "/" + file, Options().directory + "/" + file + "9");  // of another width
    EXPECT_THAT(Kinds(), ElementsAre("tile -")) << file;
    fs::remove(Options().directory + "/" + file + "9");
  }
}

TEST_F(Export, EveryChangeIsFound) {
  oulu_.Append(700);
  ASSERT_OK(ExportTiles(Options()).status());
  const std::string saved = directory_.path() + "/saved";
  fs::copy(Options().directory, saved, fs::copy_options::recursive);
  const auto restore = [&] {
    fs::remove_all(Options().directory);
    fs::copy(saved, Options().directory, fs::copy_options::recursive);
  };
  const auto& d = Options().directory;

  Flip("tile/entries/001", 2 + 100);
  EXPECT_THAT(Kinds(), ElementsAre("tile 256"));
  restore();
  Flip("tile/entries/001", 0);  // a length
  EXPECT_THAT(Kinds(), ElementsAre(HasSubstr("tile 256")));
  restore();
  Flip("tile/0/001", 32 * 3 + 1);
  EXPECT_THAT(Kinds(), ElementsAre("tile 259", "tile 256"));  // the entry, and the level above
  restore();
  Flip("tile/0/002.p/189", 32 * 5);
  EXPECT_THAT(Kinds(), ElementsAre("tile 517", "root -"));
  restore();
  Flip("tile/1/000.p/2", 40);
  EXPECT_THAT(Kinds(), ElementsAre("tile 256", "root -"));
  restore();
  fs::remove(d + "/tile/0/000");
  EXPECT_THAT(Kinds(), ElementsAre("tile 0"));
  restore();
  fs::resize_file(d + "/tile/0/001", 32 * 255);
  EXPECT_THAT(Kinds(), ElementsAre("tile 256"));
  restore();
  std::ofstream(d + "/tile/0/007") << "x";
  EXPECT_THAT(Kinds(), ElementsAre("tile -"));
  restore();
  std::ofstream(d + "/notes.txt") << "x";
  EXPECT_THAT(Kinds(), ElementsAre("tile -"));
  restore();
  Flip("checkpoint", ReadFile(d + "/checkpoint", 1 << 20)->size() - 12);
  EXPECT_THAT(Kinds(), ElementsAre("checkpoint -"));
  restore();
  for (const std::string_view other : {"?\n", ""}) {  // no key
    std::ofstream(d + "/log.pub") << other;
    EXPECT_THAT(Kinds(), ElementsAre("tile -"));
  }
  std::ofstream(d + "/log.pub")
      << proof::Signer::Generate(oulu_.origin(), proof::KeyUse::kCheckpoint)->verifier().Format() << "\n";
  EXPECT_THAT(Kinds(), ElementsAre("tile -"));
  fs::remove(d + "/log.pub");  // which other tools do not write
  EXPECT_THAT(Kinds(), IsEmpty());
  restore();
  // Bundles may be left out, not exchanged.
  fs::copy_file(d + "/tile/entries/000", d + "/tile/entries/001", fs::copy_options::overwrite_existing);
  EXPECT_THAT(Kinds(), ElementsAre("tile 256"));
  restore();
  EXPECT_THAT(Kinds(), IsEmpty());
}

}  // namespace
}  // namespace polku::evidence
