# What the weights of the images are compared with: one stage, as it is written without a thought to its size.
#   docker build -t naive -f bench/naive.Dockerfile --build-arg ROOM=featurizer .
ARG PYTHON_VERSION=3.13
FROM python:${PYTHON_VERSION}-slim
ARG ROOM
WORKDIR /app
COPY . .
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --require-hashes -r $ROOM/requirements.lock \
 && /opt/venv/bin/pip install $([ $ROOM = local ] || echo ./shared) ./$ROOM
ENV PATH=/opt/venv/bin:$PATH
ENTRYPOINT ["python", "-m"]
