#include "eventstore/log/entry.h"

#include <optional>

#include "eventstore/base/status.h"

namespace polku::log {
namespace {

absl::Status Bad(std::string_view what) { return absl::DataLossError(Str("entry header: ", what)); }

bool IsName(const std::string& name) { return !name.empty() && name.size() <= kMaxNameBytes; }

// Unknown kinds of later versions are kept; only the byte that commitments hash must fit.
bool IsKind(int kind) { return kind >= 1 && kind <= 255; }

absl::Status CheckLater(const event::v1::LaterDisclosure& later) {
  if (!IsName(later.receiver())) return Bad("later: without receiver");
  if (later.entries().empty() ||
      static_cast<size_t>(later.entries_size()) > kMaxOpenedEntries) {
    return Bad("later: does not open 1 to 2,048 entries");
  }
  std::optional<uint64_t> last;
  for (const auto& entry : later.entries()) {
    if (entry.position() >> 62 != 0) return Bad("later: a position is out of range");
    if (last && entry.position() <= *last) return Bad("later: entries are not ascending");
    last = entry.position();
    int last_section = 0;
    for (const int kind : entry.sections()) {
      if (!IsKind(kind) || kind <= last_section) return Bad("later: sections are not ascending");
      last_section = kind;
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string MakeLeaf(std::string_view random, std::string_view header_bytes) {
  std::string leaf;
  leaf.reserve(kLeafPrefix.size() + random.size() + header_bytes.size());
  leaf.append(kLeafPrefix).append(random).append(header_bytes);
  return leaf;
}

absl::StatusOr<std::string_view> HeaderBytes(std::string_view leaf) {
  if (leaf.size() > kMaxLeafBytes) return absl::DataLossError("leaf: longer than 65535 bytes");
  if (leaf.size() < kLeafPrefix.size() + kLeafRandomBytes ||
      leaf.substr(0, kLeafPrefix.size()) != kLeafPrefix) {
    return absl::DataLossError("leaf: does not start with the prefix of format 1");
  }
  return leaf.substr(kLeafPrefix.size() + kLeafRandomBytes);
}

absl::Status ParseHeader(std::string_view leaf, event::v1::Header& header) {
  POLKU_ASSIGN_OR_RETURN(const std::string_view bytes, HeaderBytes(leaf));
  if (!header.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Bad("not a polku.event.v1.Header");
  }
  if (header.event_id().size() != EventId::kBytes) return Bad("event_id is not 16 bytes");
  if (!IsName(header.type())) return Bad("type is empty or longer than 255 bytes");
  if (!IsName(header.author_agency()))
    return Bad("author_agency is empty or longer than 255 bytes");
  if (header.author_official().size() > kMaxNameBytes) {
    return Bad("author_official is longer than 255 bytes");
  }
  const bool control = !header.control().empty();
  if (control) {
    if (!header.case_id().empty() || header.case_revision() != 0) {
      return Bad("control content together with a case");
    }
    if (header.commitments_size() != 0) return Bad("a control entry with sections");
    if (!header.corrects().empty()) return Bad("a control entry that corrects another");
  } else {
    if (header.case_id().size() != CaseId::kBytes) return Bad("case_id is not 16 bytes");
    if (header.case_revision() == 0) return Bad("case_revision is 0");
  }
  if ((header.type() == kDisclosedType) != header.has_later()) {
    return Bad("only a later disclosure opens entries, and it must");
  }
  if (header.has_later()) {
    if (control) return Bad("a control entry that opens others");
    POLKU_RETURN_IF_ERROR(CheckLater(header.later()));
  }
  if (!header.corrects().empty() && header.corrects().size() != EventId::kBytes) {
    return Bad("corrects is not 16 bytes");
  }
  if (header.order() == 0 || header.order() >> 63 != 0) return Bad("order is out of range");
  if (!header.schema_hash().empty() && header.schema_hash().size() != Hash::kBytes) {
    return Bad("schema_hash is not 32 bytes");
  }
  for (const auto& cause : header.causes()) {
    if (!IsName(cause.origin())) return Bad("cause without origin");
    if (cause.leaf_hash().size() != Hash::kBytes) return Bad("cause: leaf_hash is not 32 bytes");
  }
  if (static_cast<size_t>(header.commitments_size()) > kMaxSectionsPerEntry) {
    return Bad("more than 16 commitments");
  }
  int last_kind = 0;
  for (const auto& commitment : header.commitments()) {
    if (!IsKind(commitment.kind()) || commitment.kind() <= last_kind) {
      return Bad("commitments are not ascending by kind");
    }
    last_kind = commitment.kind();
    if (commitment.commitment().size() != Hash::kBytes) return Bad("commitment is not 32 bytes");
  }
  if (static_cast<size_t>(header.disclosures_size()) > kMaxDisclosuresPerEntry) {
    return Bad("more than 64 disclosures");
  }
  const std::string* last_receiver = nullptr;
  for (const auto& disclosure : header.disclosures()) {
    if (!IsName(disclosure.receiver())) return Bad("disclosure without receiver");
    if (last_receiver != nullptr && disclosure.receiver() <= *last_receiver) {
      return Bad("disclosures are not ascending by receiver");
    }
    last_receiver = &disclosure.receiver();
    if (disclosure.number() == 0) return Bad("disclosure without running number");
    int last_section = 0;
    for (const int kind : disclosure.sections()) {
      if (!IsKind(kind) || kind <= last_section) {
        return Bad("a disclosure's sections are not ascending");
      }
      last_section = kind;
    }
  }
  return absl::OkStatus();
}

}  // namespace polku::log
