"""A Hugging Face hub in memory, with as much of its interface as the real client uses."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass
class Repository:
    """Files at each revision; `main` moves, and every commit stays under its hash."""

    private: bool = False
    gated: bool = False
    revisions: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"main": {}})

    def commit(self, files: dict[str, bytes], revision: str = "main") -> str:
        snapshot = {**self.revisions.get(revision, {}), **files}
        self.revisions[revision] = self.revisions[commit_hash(snapshot)] = snapshot
        return commit_hash(snapshot)


def commit_hash(files: dict[str, bytes]) -> str:
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


class RefusalError(Exception):
    """Status, and the code by which the hub says why."""


class HubServer(ThreadingHTTPServer):
    """Serves `repositories` at `url` and keeps the list of what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.repositories: dict[str, Repository] = {}
        self.requests: list[str] = []
        self.down: str | None = None  # paths with this in them end in an error of the server
        self.token = "hf_right"

    def add(
        self, name: str, files: dict[str, bytes], private: bool = False, gated: bool = False
    ) -> Repository:
        self.repositories[name] = Repository(private, gated)
        self.repositories[name].commit(files)
        return self.repositories[name]


class Handler(BaseHTTPRequestHandler):
    server: HubServer

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_HEAD(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, *args: object) -> None:
        """Not on the stderr that tests look at."""

    def _answer(self, method) -> None:
        path = unquote(urlsplit(self.path).path).strip("/").split("/")
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        if path[:2] != ["api", "agent-harnesses"]:  # the client asks that once a process
            self.server.requests.append(f"{self.command} {'/'.join(path)}")
        try:
            if self.server.down is not None and self.server.down in self.path:
                raise RefusalError(500, "")
            content, headers = method(path, body)
            self.send_response(200)
        except RefusalError as refusal:
            status, code = refusal.args
            content, headers = b"{}", {"X-Error-Code": code} if code else {}
            self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _get(self, path: list[str], body: bytes) -> tuple[bytes, dict[str, str]]:
        if path[:2] == ["api", "models"]:
            name, revision = "/".join(path[2:4]), "/".join(path[5:]) or "main"
            repository = self._repository(name)
            sha = commit_hash(self._files(repository, revision))
            return encoded({"id": name, "sha": sha, "private": repository.private}), {}
        if path[2:3] != ["resolve"]:
            raise RefusalError(404, "")
        repository = self._repository("/".join(path[:2]))
        files = self._files(repository, path[3])
        if repository.gated and not self._has_token():
            raise RefusalError(403, "GatedRepo")
        if path[4] not in files:
            raise RefusalError(404, "EntryNotFound")
        content = files[path[4]]
        etag = hashlib.sha256(content).hexdigest()
        return content, {"ETag": f'"{etag}"', "X-Repo-Commit": commit_hash(files)}

    def _post(self, path: list[str], body: bytes) -> tuple[bytes, dict[str, str]]:
        if path == ["api", "validate-yaml"]:
            return encoded({"errors": [], "warnings": []}), {}
        if not self._has_token():
            raise RefusalError(401, "")
        if path == ["api", "repos", "create"]:
            given = json.loads(body)
            name = f"{given['organization']}/{given['name']}"
            if name not in self.server.repositories:
                self.server.add(name, {}, private=given.get("visibility") == "private")
            return encoded({"url": f"{self.server.url}/{name}"}), {}
        name = "/".join(path[2:4])
        repository = self._repository(name)
        if path[4] == "preupload":
            paths = [file["path"] for file in json.loads(body)["files"]]
            modes = [{"path": p, "uploadMode": "regular", "shouldIgnore": False} for p in paths]
            return encoded({"files": modes}), {}
        lines = [json.loads(line) for line in body.splitlines()]
        files = {
            line["value"]["path"]: base64.b64decode(line["value"]["content"])
            for line in lines
            if line["key"] == "file"
        }
        oid = repository.commit(files)
        return encoded(
            {"commitUrl": f"{self.server.url}/{name}/commit/{oid}", "commitOid": oid}
        ), {}

    def _has_token(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.server.token}"

    def _repository(self, name: str) -> Repository:
        repository = self.server.repositories.get(name)
        if repository is None or (repository.private and not self._has_token()):
            raise RefusalError(404 if self._has_token() else 401, "RepoNotFound")
        return repository

    def _files(self, repository: Repository, revision: str) -> dict[str, bytes]:
        if revision not in repository.revisions:
            raise RefusalError(404, "RevisionNotFound")
        return repository.revisions[revision]


def encoded(answer: object) -> bytes:
    return json.dumps(answer).encode()
