// Speaks to a running service with the keys of one of its peers, over CURVE as that peer would, asks for everything
// that the protocol lets one ask for, and keeps what it was sent: what crosses the wire to that peer, decrypted.
//
//   polku_wire_tap ENDPOINT SERVICE_CURVE_KEY KEYS_DIRECTORY ORIGIN SIZE FRAMES
//
// It pulls ORIGIN's first SIZE entries from position 0, fetches every position of them one by one, and pulls once
// more as a mirror. Every frame received goes to the file FRAMES as it came, those after the request of a mirror to
// FRAMES.mirror. On standard output a line of JSON for every entry received, with the kinds that opened to their
// commitments and those that came without a secret, and for every request that was refused.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "adapters/zeromq/transport.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/group.h"
#include "eventstore/vault/section.h"
#include "services/host/keys.h"

namespace polku {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);
constexpr uint64_t kCredit = 64 << 20;
constexpr uint64_t kPullSession = 1;
constexpr uint64_t kMirrorSession = 2;

class Tap {
 public:
  Tap(std::unique_ptr<zeromq::Connection> service, std::string origin, uint64_t size,
      const std::string& frames)
      : service_(std::move(service)),
        origin_(std::move(origin)),
        size_(size),
        frames_(frames, std::ios::binary),
        mirror_frames_(frames + ".mirror", std::ios::binary) {}

  absl::Status Run() {
    POLKU_RETURN_IF_ERROR(Pull("pull", kPullSession, false));
    POLKU_RETURN_IF_ERROR(FetchEach());
    mirroring_ = true;
    return Pull("mirror", kMirrorSession, true);
  }

 private:
  absl::Status Send(exchange::v1::Envelope envelope) {
    envelope.set_protocol(1);
    const absl::Time end = absl::Now() + kPatience;
    while (true) {
      zeromq::Outgoing message;
      message.envelope = envelope;
      if (service_->Send(std::move(message)) == zeromq::SendResult::kSent) return absl::OkStatus();
      if (service_->link() == zeromq::LinkState::kRefused) {
        return absl::PermissionDeniedError("the service refuses this key");
      }
      if (absl::Now() > end) return absl::UnavailableError("no connection");
      zeromq::Wait({}, {service_.get()}, -1, absl::Milliseconds(50));
    }
  }

  absl::StatusOr<zeromq::Incoming> Receive() {
    const absl::Time end = absl::Now() + kPatience;
    while (absl::Now() < end) {
      auto received = service_->Receive();
      if (!received) {
        zeromq::Wait({}, {service_.get()}, -1, absl::Milliseconds(50));
        continue;
      }
      if (!std::holds_alternative<zeromq::Incoming>(*received)) {
        return absl::DataLossError("not a message of the protocol");
      }
      auto message = std::get<zeromq::Incoming>(std::move(*received));
      std::ofstream& frames = mirroring_ ? mirror_frames_ : frames_;
      frames << message.envelope.SerializeAsString();
      for (const zeromq::Frame& frame : message.payload) frames << frame.view();
      frames.flush();
      if (!frames) return absl::UnavailableError("the file of frames cannot be written");
      return message;
    }
    return absl::DeadlineExceededError("no answer");
  }

  absl::Status SendPull(uint64_t session, uint64_t next, bool mirror) {
    exchange::v1::Envelope envelope;
    exchange::v1::Pull& pull = *envelope.mutable_pull();
    pull.set_origin(origin_);
    pull.set_session(session);
    pull.set_next_position(next);
    pull.set_credit_bytes(kCredit);
    pull.set_mirror(mirror);
    return Send(std::move(envelope));
  }

  absl::Status Pull(std::string_view how, uint64_t session, bool mirror) {
    uint64_t next = 0;
    POLKU_RETURN_IF_ERROR(SendPull(session, next, mirror));
    while (next < size_) {
      POLKU_ASSIGN_OR_RETURN(const zeromq::Incoming message, Receive());
      if (message.envelope.has_error()) {
        Refused(how, next, message.envelope.error());
        return absl::OkStatus();
      }
      if (!message.envelope.has_batch() || message.envelope.batch().session() != session) continue;
      const exchange::v1::Batch& batch = message.envelope.batch();
      if (batch.first_position() != next) return absl::DataLossError("a batch that does not follow");
      POLKU_RETURN_IF_ERROR(Group(how, next, message));
      next += batch.count();
      POLKU_RETURN_IF_ERROR(SendPull(session, next, mirror));
    }
    return absl::OkStatus();
  }

  absl::Status FetchEach() {
    for (uint64_t position = 0; position < size_; ++position) {
      exchange::v1::Envelope envelope;
      envelope.set_correlation(position + 1);
      envelope.mutable_fetch()->set_origin(origin_);
      envelope.mutable_fetch()->add_positions(position);
      POLKU_RETURN_IF_ERROR(Send(std::move(envelope)));
      while (true) {
        POLKU_ASSIGN_OR_RETURN(const zeromq::Incoming message, Receive());
        if (message.envelope.has_error()) {
          Refused("fetch", position, message.envelope.error());
          break;
        }
        if (!message.envelope.has_fill()) continue;
        if (message.envelope.fill().position() != position) {
          return absl::DataLossError("a fill that was not asked for");
        }
        if (!message.envelope.fill().gone()) POLKU_RETURN_IF_ERROR(Group("fetch", position, message));
        break;
      }
    }
    return absl::OkStatus();
  }

  absl::Status Group(std::string_view how, uint64_t first, const zeromq::Incoming& message) {
    if (message.payload.size() != 2) return absl::DataLossError("a group without its frames");
    POLKU_ASSIGN_OR_RETURN(const log::GroupView group,
                           log::GroupView::Parse(message.payload[0].view(),
                                                 message.payload[1].view()));
    for (const log::GroupItem& item : group.items()) {
      if (item.leaf.empty()) continue;
      event::v1::Header header;
      POLKU_RETURN_IF_ERROR(log::ParseHeader(item.leaf, header));
      const auto event_id = EventId::FromBytes(header.event_id());
      if (!event_id) return absl::DataLossError("an event id");
      std::string opened, sealed;
      for (const log::BlobView& blob : group.BlobsAt(item.offset)) {
        std::string& kinds = blob.secret.empty() ? sealed : opened;
        kinds += Str(kinds.empty() ? "" : ",", int{static_cast<uint8_t>(blob.kind)});
        if (blob.secret.empty()) continue;
        POLKU_RETURN_IF_ERROR(Opens(header, *event_id, blob));
      }
      std::printf("%s\n", Str("{\"how\":\"", how, "\",\"position\":", first + item.offset,
                              ",\"event\":\"", ToHex(header.event_id()), "\",\"opened\":[", opened,
                              "],\"sealed\":[", sealed, "]}")
                              .c_str());
    }
    return absl::OkStatus();
  }

  absl::Status Opens(const event::v1::Header& header, const EventId& event_id,
                     const log::BlobView& blob) {
    for (const event::v1::Commitment& one : header.commitments()) {
      if (static_cast<uint8_t>(one.kind()) != static_cast<uint8_t>(blob.kind)) continue;
      const auto commitment = Hash::FromBytes(one.commitment());
      if (!commitment || blob.secret.size() != vault::SectionSecret::kBytes) break;
      return vault::OpenSection(vault::SectionSecret(blob.secret), *commitment, origin_, event_id,
                                blob.kind, blob.blob)
          .status();
    }
    return absl::DataLossError("a section without its commitment");
  }

  void Refused(std::string_view how, uint64_t position, const exchange::v1::Error& error) {
    std::printf("%s\n", Str("{\"how\":\"", how, "\",\"position\":", position, ",\"refused\":",
                            int{error.code()}, "}")
                            .c_str());
  }

  const std::unique_ptr<zeromq::Connection> service_;
  const std::string origin_;
  const uint64_t size_;
  std::ofstream frames_;
  std::ofstream mirror_frames_;
  bool mirroring_ = false;
};

absl::Status Run(char** argv) {
  const auto service_key = zeromq::ParseCurveKey(argv[2]);
  if (!service_key) return absl::InvalidArgumentError("not a CURVE key");
  POLKU_ASSIGN_OR_RETURN(const zeromq::CurveKeyPair keys, host::LoadCurveKeys(argv[3]));
  zeromq::Connection::Options options;
  options.endpoint = argv[1];
  options.server_key = *service_key;
  options.keys = keys;
  POLKU_ASSIGN_OR_RETURN(auto service, zeromq::Connection::Connect(zeromq::MakeContext(), options));
  return Tap(std::move(service), argv[4], std::strtoull(argv[5], nullptr, 10), argv[6]).Run();
}

int Main(int argc, char** argv) {
  const absl::Status status =
      argc == 7 ? Run(argv) : absl::InvalidArgumentError("usage: see the file's head");
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace polku

int main(int argc, char** argv) { return polku::Main(argc, argv); }
