# The image runs what `npm pack` packs: compiled code and locked dependencies, nothing else. test/unit/package.test.ts runs these steps.
# Base images are pinned by tag; pin them by digest where your registry mirrors them (`docker buildx imagetools inspect <tag>`).
FROM node:26.10.0-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN mkdir /packed && npm pack --pack-destination /packed

FROM node:26.10.0-slim AS dependencies
WORKDIR /app
COPY --from=build /packed/ /packed/
RUN tar -xzf /packed/muster-*.tgz --strip-components=1
COPY package-lock.json ./
# without the optional node-linux-*: the image has that very Node itself
RUN npm ci --omit=dev --omit=optional --ignore-scripts && rm -rf deploy docs

FROM node:26.10.0-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies --chown=0:0 /app/ /app/
# for `kubectl exec … -- muster why`
RUN ln -s /app/dist/cli/main.js /usr/local/bin/muster
# nobody's files, nobody's user: the container needs to write nowhere
USER 65532:65532
# A young generation that fits what a call leaves: less memory and shorter pauses (docs/performance.md, Garbage)
ENTRYPOINT ["node", "--max-semi-space-size=4", "/app/dist/cli/main.js"]
