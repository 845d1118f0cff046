"""The peers that the edge is measured beside, as Debian 12 has them, set up for the same work:
access log, health checks where they have any, forwarding fields, keep-alive on both sides, a thread
per core."""

import os
import shutil

from programs import Proxy, free_port, wait_for

HAPROXY = """
global
    maxconn 9000
    nbthread {threads}
    log stdout format raw daemon
defaults
    mode http
    log global
    option httplog
    option forwardfor
    option http-keep-alive
    timeout connect 2s
    timeout client 75s
    timeout server 75s
    timeout http-request 30s
    http-reuse always
    unique-id-format %{{+X}}o%ci%cp%fi%fp%Ts%rt%pid
    unique-id-header X-Request-ID
{cache_section}
frontend web
    bind 127.0.0.1:{port}
    bind 127.0.0.1:{tls_port} ssl crt {dir}/tls.pem alpn h2,http/1.1
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    default_backend instances
backend instances
{cache_use}
    balance leastconn
    option httpchk GET /health
    server one 127.0.0.1:{origin} check inter 2s
frontend metrics
    bind 127.0.0.1:{metrics}
    http-request use-service prometheus-exporter
"""

NGINX = """
daemon off;
worker_processes {threads};
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log;
events {{ worker_connections 20000; }}
http {{
    access_log {dir}/nginx-access.log;
    client_body_temp_path {dir}/nginx-body;
    proxy_temp_path {dir}/nginx-proxy;
    fastcgi_temp_path {dir}/nginx-fastcgi;
    uwsgi_temp_path {dir}/nginx-uwsgi;
    scgi_temp_path {dir}/nginx-scgi;
    keepalive_requests 1000000000;
    {cache_section}
    upstream instances {{
        least_conn;
        server 127.0.0.1:{origin};
        keepalive 256;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} reuseport;
        listen 127.0.0.1:{tls_port} ssl http2 reuseport;
        ssl_certificate {dir}/tls.crt;
        ssl_certificate_key {dir}/tls.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{
            {cache_use}
            proxy_pass http://instances;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto http;
            proxy_set_header X-Forwarded-Host $host;
            proxy_set_header X-Request-ID $request_id;
        }}
    }}
    server {{
        listen 127.0.0.1:{metrics};
        location / {{ stub_status; }}
    }}
}}
"""


# How each is told to cache, by name: a section of its own and the use of it.
CACHES = {
    "haproxy": ("cache moln\n    total-max-size 64\n    max-object-size 1000000\n    max-age 3600",
                "    http-request cache-use moln\n    http-response cache-store moln"),
    "nginx": ("proxy_cache_path {dir}/nginx-cache keys_zone=moln:8m max_size=64m;",
              "proxy_cache moln;"),
}


def start_peer(name, template, command, folder, origin, threads, cache=False):
    ports = free_port(), free_port()
    config = "%s/%s.conf" % (folder, name)
    section, use = CACHES[name] if cache else ("", "")
    with open(config, "w") as file:
        file.write(template.format(port=ports[0], tls_port=ports[1], metrics=free_port(),
                                   origin=origin, threads=threads, dir=folder,
                                   cache_section=section.format(dir=folder), cache_use=use))
    proxy = Proxy(name, [word.format(config=config) for word in command], ports,
                  "%s/%s.log" % (folder, name))
    wait_for(ports[0])
    return proxy


# Without probes: Varnish takes an origin for sick that leaves the connection of one open.
VARNISH = """
vcl 4.1;
backend instances {{
    .host = "127.0.0.1";
    .port = "{origin}";
}}
"""

# Files of Traffic Server's configuration folder, which has defaults for what is not here.
TRAFFIC_SERVER = {
    "records.config": """
CONFIG proxy.config.http.server_ports STRING {port}:ip-in=127.0.0.1 {tls_port}:ssl:ip-in=127.0.0.1
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT {threads}
CONFIG proxy.config.accept_threads INT 0
CONFIG proxy.config.http.cache.http INT {cache}
CONFIG proxy.config.http.cache.required_headers INT 2
CONFIG proxy.config.cache.ram_cache.size INT 64M
CONFIG proxy.config.url_remap.pristine_host_hdr INT 1
CONFIG proxy.config.http.insert_squid_x_forwarded_for INT 1
CONFIG proxy.config.http.insert_request_via_str INT 1
CONFIG proxy.config.http.keep_alive_no_activity_timeout_in INT 75
CONFIG proxy.config.ssl.server.cert.path STRING {dir}/ts/etc
CONFIG proxy.config.ssl.server.private_key.path STRING {dir}/ts/etc
CONFIG proxy.config.log.logging_enabled INT 3
CONFIG proxy.config.admin.user_id STRING nobody
""",
    "remap.config": "map / http://127.0.0.1:{origin}/\n",
    "storage.config": "{dir}/ts/cache 256M\n",
    "ssl_multicert.config": "dest_ip=* ssl_cert_name=tls.pem\n",
    "logging.yaml": """
logging:
  formats:
    - name: combined
      format: '%<chi> - %<caun> [%<cqtn>] "%<cqtx>" %<pssc> %<pscl>'
  logs:
    - filename: access
      format: combined
      mode: ascii
""",
}
TRAFFIC_SERVER_DEFAULTS = ("ip_allow.yaml", "plugin.config", "sni.yaml", "socks.config",
                           "splitdns.config", "parent.config", "hosting.config", "volume.config",
                           "cache.config", "strategies.yaml", "body_factory")


def start_haproxy(folder, origin, threads, cache=False):
    return start_peer("haproxy", HAPROXY, ["haproxy", "-db", "-f", "{config}"], folder, origin,
                      threads, cache)


def start_nginx(folder, origin, threads, cache=False):
    return start_peer("nginx", NGINX,
                      ["nginx", "-e", folder + "/nginx-error.log", "-c", "{config}"], folder,
                      origin, threads, cache)


def start_varnish(folder, origin, threads, memory="64m"):
    """Its cache; without TLS, which it has not. Its access log is a program of its own."""
    port = free_port()
    with open(folder + "/varnish.vcl", "w") as file:
        file.write(VARNISH.format(origin=origin))
    name = ["-n", folder + "/varnish"]
    varnish = Proxy("varnish", ["varnishd", "-F", "-j", "none", *name, "-a", "127.0.0.1:%d" % port,
                                "-f", folder + "/varnish.vcl", "-s", "malloc," + memory,
                                "-p", "thread_pools=%d" % threads],
                    (port, 0), folder + "/varnish.log")
    wait_for(port)
    varnish.others.append(Proxy("varnishncsa", ["varnishncsa", *name, "-w",
                                                folder + "/varnish-access.log"],
                                (0, 0), folder + "/varnishncsa.log"))
    return varnish


def start_traffic_server(folder, origin, threads, cache=False):
    ports = free_port(), free_port()
    root = folder + "/ts"
    for name in ("etc", "run", "log", "cache"):
        os.makedirs("%s/%s" % (root, name))
        shutil.chown("%s/%s" % (root, name), "nobody")  # it does not serve as root
    shutil.copy(folder + "/tls.pem", root + "/etc")
    shutil.chown(root + "/etc/tls.pem", "nobody")
    for name in TRAFFIC_SERVER_DEFAULTS:
        source = "/etc/trafficserver/" + name
        if os.path.isdir(source):
            shutil.copytree(source, "%s/etc/%s" % (root, name))
        elif os.path.exists(source):
            shutil.copy(source, root + "/etc")
    for name, text in TRAFFIC_SERVER.items():
        with open("%s/etc/%s" % (root, name), "w") as file:
            file.write(text.format(port=ports[0], tls_port=ports[1], origin=origin, dir=folder,
                                   threads=threads, cache=int(cache)))
    places = {"prefix": root, "exec_prefix": "/usr", "bindir": "/usr/bin", "sbindir": "/usr/sbin",
              "sysconfdir": root + "/etc", "datadir": root + "/cache",
              "includedir": "/usr/include", "libdir": "/usr/lib/trafficserver",
              "libexecdir": "/usr/lib/trafficserver/modules", "localstatedir": root + "/run",
              "runtimedir": root + "/run", "logdir": root + "/log", "cachedir": root + "/cache"}
    with open(root + "/runroot.yaml", "w") as file:
        file.writelines("%s: %s\n" % place for place in places.items())
    server = Proxy("ats", ["traffic_server", "--run-root=%s/runroot.yaml" % root], ports,
                   folder + "/ts.log")
    wait_for(ports[0])
    return server
