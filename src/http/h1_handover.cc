// Leaving for another worker, and coming from one; see http/h1_server.h and http/passport.h.
#include <string.h>

#include "http/h1_preface.h"
#include "http/h1_server.h"
#include "http/passport.h"

namespace weir::http {

bool H1Server::portable() const {
  return !ssl() && !listener_->tls && !listener_->tcp && !session_free && (!listener_->accept_proxy || preface_) &&
         (!preface_ || (preface_->info.version && preface_->tlvs.size() <= Passport::kMaxTlvs &&
                        preface_->destination.family == AF_UNSPEC));
}

bool H1Server::ready_to_leave() {
  if (state_ != State::idle || !portable() || has_leftover()) return false;
  flush();
  return !closed() && !broken() && queued() == 0;
}

Passport H1Server::passport() const {
  Passport p;
  p.listener = listener_->identity;
  p.accepted_ms = accepted_ms_;
  p.idle_since_ms = idle_since_ms_;
  p.bytes_in = bytes_in;
  p.bytes_out = bytes_out;
  p.session = reinterpret_cast<uint64_t>(session);
  p.requests = requests_;
  p.peer = net::FlatAddr::of(peer());
  if (!preface_) return p;
  p.tlvs = static_cast<uint32_t>(preface_->tlvs.size());
  p.proxy_version = preface_->info.version;
  p.proxy_addresses = preface_->info.has_addresses;
  p.source = net::FlatAddr::of(preface_->info.src);
  p.destination = net::FlatAddr::of(preface_->info.dst);
  return p;
}

Str H1Server::tlvs() const {
  return preface_ ? Str(preface_->tlvs) : Str{};
}

void H1Server::left() {
  hooks_->closed(*this);
  detach().drop();
}

bool H1Server::arrive(const Passport& p, Str tlvs) {
  accepted_ms_ = p.accepted_ms;
  idle_since_ms_ = p.idle_since_ms;
  requests_ = p.requests;
  session = reinterpret_cast<void*>(p.session);
  bytes_in = p.bytes_in;
  bytes_out = p.bytes_out;
  set_peer(p.peer.addr());
  if (p.proxy_version) {
    preface_ = new Preface{{}, std::string(tlvs)};
    preface_->info.version = p.proxy_version;
    preface_->info.has_addresses = p.proxy_addresses;
    preface_->info.src = p.source.addr();
    preface_->info.dst = p.destination.addr();
    preface_->info.tlvs = preface_->tlvs;
  }
  if (!start(false)) return false;
  uint32_t limit = timeouts_->keepalive;
  uint64_t waited = loop().now() - std::min(loop().now(), idle_since_ms_);
  if (limit) arm(limit > waited ? limit - waited : 1);
  hooks_->idle(*this);
  return true;
}

}  // namespace weir::http
