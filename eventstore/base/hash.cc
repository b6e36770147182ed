#include "eventstore/base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace polku {
namespace {

constexpr size_t kBlockBytes = 64;
// Inputs up to this size are joined on the stack: one call into OpenSSL costs more than the copy.
constexpr size_t kJoinBytes = 256;

const EVP_MD* Algorithm() {
  // Never freed: threads may still hash while the process ends.
  static EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return md;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// A failure below means that OpenSSL has no SHA-256 or the machine no memory; neither can be
// served.
void Require(bool ok) {
  if (!ok) std::abort();
}

EVP_MD_CTX* Context() {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  Require(context != nullptr);
  return context.get();
}

// The hash of `first`, then the parts.
Hash Digest(std::string_view first, std::initializer_list<std::string_view> parts) {
  EVP_MD_CTX* context = Context();
  Require(EVP_DigestInit_ex(context, Algorithm(), nullptr) == 1);
  size_t total = first.size();
  for (std::string_view part : parts) total += part.size();
  if (total <= kJoinBytes) {
    char joined[kJoinBytes];
    size_t size = 0;
    const auto join = [&joined, &size](std::string_view part) {
      if (part.empty()) return;
      std::memcpy(joined + size, part.data(), part.size());
      size += part.size();
    };
    join(first);
    for (std::string_view part : parts) join(part);
    Require(EVP_DigestUpdate(context, joined, size) == 1);
    if (!first.empty()) OPENSSL_cleanse(joined, first.size());
  } else {
    Require(EVP_DigestUpdate(context, first.data(), first.size()) == 1);
    for (std::string_view part : parts) {
      Require(EVP_DigestUpdate(context, part.data(), part.size()) == 1);
    }
  }
  Hash hash;
  Require(EVP_DigestFinal_ex(context, hash.data(), nullptr) == 1);
  return hash;
}

}  // namespace

Hash Sha256(std::initializer_list<std::string_view> parts) { return Digest({}, parts); }

Hash HmacSha256(std::string_view key, std::initializer_list<std::string_view> parts) {
  Hash short_key;
  if (key.size() > kBlockBytes) {
    short_key = Sha256(key);
    key = short_key.view();
  }
  std::array<char, kBlockBytes> inner{};
  if (!key.empty()) std::memcpy(inner.data(), key.data(), key.size());
  std::array<char, kBlockBytes> outer = inner;
  for (char& c : inner) c = static_cast<char>(c ^ 0x36);
  for (char& c : outer) c = static_cast<char>(c ^ 0x5c);
  const Hash inner_hash = Digest({inner.data(), inner.size()}, parts);
  const Hash mac = Digest({outer.data(), outer.size()}, {inner_hash.view()});
  OPENSSL_cleanse(inner.data(), inner.size());
  OPENSSL_cleanse(outer.data(), outer.size());
  return mac;
}

Hash FenceOf(const CaseId& case_id) {
  return Sha256({"polku/fence/v1", std::string_view("\0", 1), case_id.view()});
}

}  // namespace polku
