// What a person is told of a host that no certificate serves. Words only, pure.
#pragma once

#include <string>

#include "model/certificate.h"
#include "model/world.h"

namespace moln {

// For many hosts of one World, which outlives it.
class CertificateAdvice {
public:
    CertificateAdvice(const World& world, WallTime now);

    // Why the host of a route has no certificate and gets none by itself, and what to do; "" when
    // it has a valid one or will have.
    std::string of(const std::string& host) const;

private:
    const World& world_;
    WallTime now_;
    CertificateIndex index_;
    bool is_full_;  // there are as many of public authorities as may be
};

// Its private key was seen to be sealed with one that is no more: no edge can serve it.
bool is_key_lost(const World& world, const Certificate& certificate);

// Why one that its authority was to renew by itself was not renewed yet; "": it will be, in good
// time, or has no trouble.
std::string renewal_trouble(const World& world, const Certificate& certificate);

// For one.
std::string certificate_advice(const World& world, const std::string& host, WallTime now);

}  // namespace moln
