#include "services/host/opener.h"

#include <utility>

#include "eventstore/base/status.h"

namespace polku::host {

Opener::Opener(vault::KeyStore& keys, std::string own_origin, IsErased is_erased)
    : keys_(keys), own_origin_(std::move(own_origin)), is_erased_(std::move(is_erased)) {}

absl::StatusOr<vault::SectionSecret> Opener::OwnSecret(const event::v1::Header& header,
                                                       SectionKind kind) {
  const auto case_id = CaseId::FromBytes(header.case_id());
  const auto event_id = EventId::FromBytes(header.event_id());
  if (!case_id || !event_id) return absl::DataLossError("header with malformed ids");
  POLKU_ASSIGN_OR_RETURN(const vault::CaseKey key, keys_.Get({*case_id, kind}));
  return vault::DeriveSectionSecret(key, header.author_agency(), *event_id, kind);
}

absl::StatusOr<vault::SectionSecret> Opener::SecretOf(const log::EntryView& entry,
                                                      std::string_view origin,
                                                      const log::BlobView& blob,
                                                      const CaseId& case_id,
                                                      const EventId& event_id,
                                                      const Hash& commitment) {
  if (entry.log == kOwnLog) {
    POLKU_ASSIGN_OR_RETURN(const vault::CaseKey key, keys_.Get({case_id, blob.kind}));
    return vault::DeriveSectionSecret(key, entry.header->author_agency(), event_id, blob.kind);
  }
  // What `polku new-epoch` took over, and all that was wrapped before 2026-11-22, lies under the key without
  // origin, also where the case has got one with it since.
  absl::Status first;
  for (const std::string_view of : {origin, std::string_view()}) {
    const auto key = keys_.Get({case_id, blob.kind, std::string(of)});
    if (!key.ok() && !absl::IsNotFound(key.status())) return key.status();
    auto secret = key.ok() ? vault::UnwrapSecret(*key, commitment, blob.secret) : key.status();
    if (secret.ok()) return secret;
    if (first.ok() || absl::IsNotFound(first)) first = secret.status();
  }
  return first;
}

bool Opener::WasErased(const CaseId& case_id, std::string_view origin) const {
  return is_erased_ != nullptr && is_erased_(case_id, origin);
}

absl::StatusOr<std::optional<vault::SectionSecret>> Opener::Secret(const log::EntryView& entry,
                                                                   std::string_view origin,
                                                                   const log::BlobView& blob) {
  if (entry.log != kOwnLog && blob.secret.empty()) return std::optional<vault::SectionSecret>();
  const auto case_id = CaseId::FromBytes(entry.header->case_id());
  const auto event_id = EventId::FromBytes(entry.header->event_id());
  if (case_id && WasErased(*case_id, origin)) return std::optional<vault::SectionSecret>();
  for (const auto& committed : entry.header->commitments()) {
    if (static_cast<SectionKind>(committed.kind()) != blob.kind) continue;
    const auto commitment = Hash::FromBytes(committed.commitment());
    if (!case_id || !event_id || !commitment) break;
    auto secret = SecretOf(entry, origin, blob, *case_id, *event_id, *commitment);
    if (absl::IsNotFound(secret.status())) return std::optional<vault::SectionSecret>();
    if (!secret.ok()) return secret.status();
    return std::optional(*std::move(secret));
  }
  return Error(absl::StatusCode::kDataLoss, "section ", SectionKindName(blob.kind), " of entry ",
               entry.position.value(), " has no well-formed commitment");
}

absl::StatusOr<OpenedEvent> Opener::Open(const log::EntryView& entry, std::string_view origin,
                                         SectionSet only) {
  OpenedEvent event;
  const auto case_id = CaseId::FromBytes(entry.header->case_id());
  const auto event_id = EventId::FromBytes(entry.header->event_id());
  if (!case_id || !event_id) {
    return Error(absl::StatusCode::kDataLoss, "entry ", entry.position.value(), " of ", origin,
                 " has malformed ids");
  }
  // Also where an old copy has the bytes and the key again.
  const bool erased = !entry.blobs.empty() && WasErased(*case_id, origin);
  for (const auto& committed : entry.header->commitments()) {
    const auto kind = static_cast<SectionKind>(committed.kind());
    const log::BlobView* blob = nullptr;
    for (const auto& held : entry.blobs) {
      if (held.kind == kind) blob = &held;
    }
    const bool of_others = blob != nullptr && entry.log != kOwnLog && blob->secret.empty();
    if (blob == nullptr || of_others || erased || !only.has(kind)) {
      event.sealed.add(kind);
      continue;
    }
    const auto commitment = Hash::FromBytes(committed.commitment());
    if (!commitment) {
      return Error(absl::StatusCode::kDataLoss, "entry ", entry.position.value(), " of ", origin,
                   " has a malformed commitment");
    }
    const auto place = [&] {
      return Str("section ", SectionKindName(kind), " of entry ", entry.position.value(), " of ",
                 origin);
    };
    auto secret = SecretOf(entry, origin, *blob, *case_id, *event_id, *commitment);
    // A section without its key that was not erased is a keystore that is older than the log: going on
    // would decide on half a history.
    if (absl::IsNotFound(secret.status())) {
      return Error(absl::StatusCode::kDataLoss, place(),
                   ": the keystore has no key for it; restore the keystore's newest backup");
    }
    if (!secret.ok()) return Annotate(secret.status(), place());
    auto plaintext =
        vault::OpenSection(*secret, *commitment, origin, *event_id, kind, blob->blob);
    if (!plaintext.ok()) {
      return Annotate(plaintext.status(), place());
    }
    event.opened.add(kind);
    event.bytes += *plaintext;
  }
  return event;
}

}  // namespace polku::host
