// Opens the sections that this agency holds of an entry and merges them into the event.
#ifndef POLKU_SERVICES_HOST_OPENER_H_
#define POLKU_SERVICES_HOST_OPENER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/reader.h"
#include "eventstore/vault/keystore.h"

namespace polku::host {

struct OpenedEvent {
  std::string bytes;   // the visible sections' plaintexts joined: wire bytes of the event
  SectionSet opened;   // sections in `bytes`
  SectionSet sealed;   // sections the event has that are not ours to open
};

class Opener {
 public:
  // Whether what that log recorded of the case was erased here (ErasureHooks::IsErased, or the fence).
  using IsErased = std::function<bool(const CaseId& case_id, std::string_view origin)>;

  // `keys` is borrowed. `own_origin` is the origin of LogNumber 0 of the store read. Without
  // `is_erased` nothing counts as erased.
  Opener(vault::KeyStore& keys, std::string own_origin, IsErased is_erased = nullptr);

  // `origin` is that of the entry's log. Every opened section is checked against its commitment. Sections
  // that are not of `only` stay sealed, as do those that a mirror holds for their origin, and those
  // that were erased: their bytes are gone, or, while the erasure is under way, their keys.
  // DataLoss: a blob was altered, or there is no key for it although it was not erased; the message
  // names origin and position.
  absl::StatusOr<OpenedEvent> Open(const log::EntryView& entry, std::string_view origin,
                                   SectionSet only = AllSections());

  // The secret of one stored section of the entry; nullopt when this agency may not open it: it is a
  // mirror's, or there is no key for it. `origin` as in Open. DataLoss: the stored secret was altered.
  absl::StatusOr<std::optional<vault::SectionSecret>> Secret(const log::EntryView& entry,
                                                             std::string_view origin,
                                                             const log::BlobView& blob);

  // The secret of one section of an own entry (eventstore/replica hands it to entitled receivers).
  absl::StatusOr<vault::SectionSecret> OwnSecret(const event::v1::Header& header,
                                                 SectionKind kind);

 private:
  absl::StatusOr<vault::SectionSecret> SecretOf(const log::EntryView& entry,
                                                std::string_view origin,
                                                const log::BlobView& blob, const CaseId& case_id,
                                                const EventId& event_id, const Hash& commitment);
  bool WasErased(const CaseId& case_id, std::string_view origin) const;

  vault::KeyStore& keys_;
  const std::string own_origin_;
  const IsErased is_erased_;
};

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_OPENER_H_
