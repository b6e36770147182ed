#include "eventstore/log/reader.h"

#include <algorithm>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/log/index.h"

namespace polku::log {
namespace {

std::string Place(LogNumber log, Position position) {
  return Str("log ", log.value(), " position ", position.value());
}

class EntryReaderImpl final : public EntryReader {
 public:
  EntryReaderImpl(std::unique_ptr<GroupCursor> cursor, LogNumber log, Position from)
      : cursor_(std::move(cursor)), log_(log), from_(from) {}

  absl::StatusOr<std::optional<EntryView>> Next() override {
    while (true) {
      if (item_ == view_.items().size()) {
        POLKU_ASSIGN_OR_RETURN(std::optional<StoredGroup> next, cursor_->Next());
        if (!next) return std::optional<EntryView>();
        group_ = *std::move(next);
        absl::StatusOr<GroupView> view = GroupView::Parse(group_.entries, group_.blobs);
        if (!view.ok()) return Annotate(view.status(), Place(log_, group_.first));
        view_ = *std::move(view);
        item_ = 0;
      }
      const GroupItem& item = view_.items()[item_++];
      const Position position(group_.first.value() + item.offset);
      if (item.leaf.empty()) {
        const uint64_t end = position.value() + (uint64_t{1} << item.withheld.level);
        if (end > from_.value()) withheld_ += end - std::max(position, from_).value();
        continue;
      }
      if (position < from_) continue;
      if (absl::Status status = ParseHeader(item.leaf, header_); !status.ok()) {
        return Annotate(status, Place(log_, position));
      }
      return std::optional<EntryView>(
          EntryView{log_, position, item.leaf, &header_, view_.BlobsAt(item.offset)});
    }
  }

  uint64_t withheld() const override { return withheld_; }

 private:
  const std::unique_ptr<GroupCursor> cursor_;
  const LogNumber log_;
  const Position from_;
  StoredGroup group_;
  GroupView view_;  // into group_
  size_t item_ = 0;
  uint64_t withheld_ = 0;
  event::v1::Header header_;
};

}  // namespace

absl::StatusOr<std::vector<HeldLog>> HeldLogs(Engine& engine) {
  POLKU_ASSIGN_OR_RETURN(const std::vector<LogNumber> numbers, engine.Logs());
  std::vector<HeldLog> logs;
  for (const LogNumber number : numbers) {
    POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, engine.ReadHead(number));
    if (!bytes) return absl::DataLossError(Str("log ", number.value(), ": its head vanished"));
    absl::StatusOr<LogHead> head = LogHead::Parse(*bytes);
    if (!head.ok()) return Annotate(head.status(), Str("log ", number.value()));
    logs.push_back({number, *std::move(head)});
  }
  return logs;  // ascending, so number 0, the own log, comes first
}

absl::StatusOr<std::vector<CaseEntryRef>> CaseEntries(Engine& engine, const CaseId& case_id) {
  std::vector<CaseEntryRef> refs;
  const std::string prefix = CaseIndexPrefix(case_id);
  std::unique_ptr<IndexCursor> cursor = engine.IndexScan(prefix);
  while (true) {
    POLKU_ASSIGN_OR_RETURN(const std::optional<KeyValue> entry, cursor->Next());
    if (!entry) return refs;
    CaseEntryRef ref{};
    if (entry->first.size() != prefix.size() + 12 ||
        !ParseCaseIndexValue(entry->second, ref.order, ref.revision)) {
      return absl::DataLossError("case index: malformed entry; run `polku reindex`");
    }
    const char* place = entry->first.data() + prefix.size();
    ref.log = LogNumber(ReadBigEndian32(place));
    ref.position = Position(ReadBigEndian64(place + 4));
    refs.push_back(ref);
  }
}

absl::StatusOr<std::unique_ptr<EntryReader>> EntryReader::Make(Engine& engine, LogNumber log,
                                                               Position from, bool with_blobs) {
  POLKU_ASSIGN_OR_RETURN(std::unique_ptr<GroupCursor> cursor, engine.Scan(log, from, with_blobs));
  return std::make_unique<EntryReaderImpl>(std::move(cursor), log, from);
}

absl::StatusOr<EntryView> EntryFetcher::Fetch(LogNumber log, Position position, bool with_blobs) {
  const bool held = loaded_ && log == log_ && position >= group_.first &&
                    position.value() - group_.first.value() < view_.count() &&
                    (loaded_blobs_ || !with_blobs);
  if (!held) {
    loaded_ = false;
    POLKU_ASSIGN_OR_RETURN(group_, engine_.ReadGroup(log, position, with_blobs));
    absl::StatusOr<GroupView> view = GroupView::Parse(group_.entries, group_.blobs);
    if (!view.ok()) return Annotate(view.status(), Place(log, group_.first));
    view_ = *std::move(view);
    if (position < group_.first || position.value() - group_.first.value() >= view_.count()) {
      return absl::DataLossError(Str(Place(log, position), ": its group does not cover it"));
    }
    log_ = log;
    loaded_ = true;
    loaded_blobs_ = with_blobs;
  }
  const uint64_t offset = position.value() - group_.first.value();
  auto item = std::upper_bound(view_.items().begin(), view_.items().end(), offset,
                               [](uint64_t value, const GroupItem& i) { return value < i.offset; });
  --item;  // the first item has offset 0, so there is one at or before
  if (item->leaf.empty()) {
    return absl::NotFoundError(Str(Place(log, position), ": withheld from this agency"));
  }
  if (absl::Status status = ParseHeader(item->leaf, header_); !status.ok()) {
    return Annotate(status, Place(log, position));
  }
  return EntryView{log, position, item->leaf, &header_,
                   with_blobs ? view_.BlobsAt(offset) : std::vector<BlobView>()};
}

}  // namespace polku::log
